"""Carrying calls in order beside the training: what waits, what fails, what is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from hierapp.errors import DiskFull, StoreError, Superseded
from hierapp.execution.ray import outbox
from hierapp.execution.ray.outbox import Courier, LogLines
from hierapp.execution.ray.remote_writer import Answer, Call


class Desk:
    """Writes down what it is told, one call at a time, as long as `fault` finds nothing wrong with a call."""

    def __init__(self) -> None:
        self.told: list[Call] = []
        self.open = threading.Event()
        self.open.set()
        self.fault: Callable[[Call], Exception | None] = lambda call: None

    def tell(self, calls: Sequence[Call]) -> Answer:
        assert self.open.wait(60)
        for done, call in enumerate(calls):
            error = self.fault(call)
            if error is not None:
                return Answer(done, error=error)
            self.told.append(call)
        return Answer(len(calls), value=len(self.told))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def carrier(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Courier:
    monkeypatch.setattr(outbox, "PATIENCE_SECONDS", 0.01)
    return Courier(desk.tell)


def test_calls_arrive_in_order_and_nobody_waits_but_who_asks(desk, carrier):
    desk.open.clear()
    for number in range(500):
        carrier.put("report", number)
    assert not desk.told
    desk.open.set()
    assert carrier.ask("beat") == 501
    assert desk.told == [*(("report", (number,)) for number in range(500)), ("beat", ())]


def test_who_tells_faster_than_it_can_be_carried_waits(desk, carrier, monkeypatch):
    monkeypatch.setattr(outbox, "MOST", 10)
    desk.open.clear()
    told = threading.Event()

    def tell() -> None:
        for number in range(50):
            carrier.put("report", number)
        told.set()

    threading.Thread(target=tell, daemon=True).start()
    assert not told.wait(0.2)
    desk.open.set()
    assert told.wait(60)
    carrier.close()
    assert desk.told == [("report", (number,)) for number in range(50)]


def test_a_failure_is_told_at_the_next_call_and_the_end_can_still_be_told(desk, carrier):
    desk.fault = lambda call: StoreError("no") if call[0] == "report" else None
    carrier.put("report", 1)
    with pytest.raises(StoreError, match="no"):
        put_again_and_again(carrier)
    with pytest.raises(StoreError, match="no"):
        carrier.ask("report", 3)
    carrier.ask("end", "failed")
    assert desk.told == [("end", ("failed",))]


def put_again_and_again(carrier: Courier) -> None:
    for _ in range(10_000):
        carrier.put("report", 2)
        threading.Event().wait(0.01)


def test_whoever_is_superseded_stays_so(desk, carrier):
    desk.fault = lambda call: Superseded()
    with pytest.raises(Superseded):
        carrier.ask("beat")
    for _ in range(2):
        with pytest.raises(Superseded):
            carrier.put("report", 1)
        with pytest.raises(Superseded):
            carrier.ask("end", "failed")
    carrier.note("log", "not told")
    carrier.close()
    assert not desk.told


def test_a_full_disk_loses_nothing(desk, carrier):
    room = threading.Event()
    desk.fault = lambda call: None if room.is_set() else DiskFull("full")
    carrier.put("report", 1)
    with pytest.raises(DiskFull):
        carrier.ask("saved")  # whoever asks tries again himself
    with pytest.raises(DiskFull):
        carrier.put("report", 2)
    room.set()
    assert carrier.ask("saved") == 2
    carrier.put("report", 2)
    carrier.close()
    assert desk.told == [("report", (1,)), ("saved", ()), ("report", (2,))]


def test_a_full_disk_met_by_a_question_alone_stops_nothing_after_it(desk, carrier):
    desk.fault = lambda call: DiskFull("full") if call[0] == "saved" else None
    with pytest.raises(DiskFull):
        carrier.ask("saved")
    carrier.put("report", 1)
    carrier.close()
    assert desk.told == [("report", (1,))]


def test_an_error_on_the_way_is_told_as_it_is(carrier, desk):
    def away(calls: Sequence[Call]) -> Answer:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        Courier(away).ask("beat")


def test_output_arrives_a_line_at_a_time(desk, carrier):
    log = LogLines(carrier)
    print("one", "line", file=log)
    print("half a", end=" ", file=log)
    print("line\nand another", file=log)
    carrier.close()
    assert "".join(text for _, (text,) in desk.told) == "one line\nhalf a line\nand another\n"
    assert all(text.endswith("\n") for _, (text,) in desk.told)
