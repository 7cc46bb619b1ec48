"""Results are computed once for all who ask at the same time, and the oldest are dropped."""

from __future__ import annotations

import threading

import pytest

from hierapp.utils.recent import Recent


def test_threads_that_ask_at_once_share_one_computation():
    recent, begun, go_on = Recent[object](most=2), threading.Event(), threading.Event()
    made: list[object] = []
    found: list[object] = []

    def make() -> object:
        begun.set()
        assert go_on.wait(60)
        made.append(object())
        return made[-1]

    threads = [threading.Thread(target=lambda: found.append(recent.get("key", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    assert recent.get("other", lambda: 1) == 1  # others do not wait
    go_on.set()
    for thread in threads:
        thread.join()
    assert found == made * 4


def test_the_least_recently_used_is_dropped():
    recent = Recent[int](most=2)
    for key in (1, 2, 1, 3):
        recent.get(key, lambda key=key: key)
    assert len(recent) == 2
    assert [recent.get(key, lambda: 0) for key in (1, 3, 2)] == [1, 3, 0]


def test_an_error_is_not_kept():
    recent = Recent[int](most=2)
    with pytest.raises(ZeroDivisionError):
        recent.get("key", lambda: 1 // 0)
    assert recent.get("key", lambda: 5) == 5
