"""The calls that a worker sends, carried out beside the store."""

from __future__ import annotations

import pytest

from hierapp.errors import StaleAttemptError
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

pytest.importorskip("ray", reason="Ray is not installed")

from hierapp.execution.ray.store_actor import carry_out


def test_calls_are_carried_out_in_order_up_to_the_first_that_fails(tmp_path):
    store = Store(tmp_path)
    store.add([RunConfig.make(data="digits", tree="digits", loss="cross-entropy")], tree_library.load("digits"))
    attempt = store.writer(store.claim(launcher="ray").id)
    answer = carry_out(attempt, [("report", (0.5, {"train_loss": 2.0}, 0.1)), ("is_asked_to_stop", ())])
    assert (answer.done, answer.value, answer.error) == (2, False, None)
    calls = [
        ("log", ("one\n",)),
        ("end", ("failed", "why")),
        ("report", (0.6, {"train_loss": 1.0}, 0.1)),
        ("heartbeat", ()),
    ]
    answer = carry_out(attempt, calls)
    assert (answer.done, answer.value) == (2, None)
    assert isinstance(answer.error, StaleAttemptError)
    assert store.metrics(["1"])["1"]["train_loss"] == [(0.5, 2.0)]
    assert store.run("1").log_file.read_text() == "one\n"
