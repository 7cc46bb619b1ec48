"""Carrying calls in order beside the training: what waits, what fails, what is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from hierapp.errors import DiskFull, StaleAttemptError, StoreError
from hierapp.execution.ray import outbox as outbox_module
from hierapp.execution.ray.outbox import Answer, Call, LogLines, Outbox


class Receiver:
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
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def outbox(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(outbox_module, "PATIENCE_SECONDS", 0.01)
    return Outbox(receiver.tell)


def test_calls_arrive_in_order_and_nobody_waits_but_who_asks(receiver, outbox):
    receiver.open.clear()
    for number in range(500):
        outbox.send("report", number)
    assert not receiver.told
    receiver.open.set()
    assert outbox.request("heartbeat") == 501
    assert receiver.told == [*(("report", (number,)) for number in range(500)), ("heartbeat", ())]


def test_who_tells_faster_than_it_can_be_carried_waits(receiver, outbox, monkeypatch):
    monkeypatch.setattr(outbox_module, "MOST", 10)
    receiver.open.clear()
    told = threading.Event()

    def tell() -> None:
        for number in range(50):
            outbox.send("report", number)
        told.set()

    threading.Thread(target=tell, daemon=True).start()
    assert not told.wait(0.2)
    receiver.open.set()
    assert told.wait(60)
    outbox.close()
    assert receiver.told == [("report", (number,)) for number in range(50)]


def test_a_failure_is_told_at_the_next_call_and_the_end_can_still_be_told(receiver, outbox):
    receiver.fault = lambda call: StoreError("no") if call[0] == "report" else None
    outbox.send("report", 1)
    with pytest.raises(StoreError, match="no"):
        send_again_and_again(outbox)
    with pytest.raises(StoreError, match="no"):
        outbox.request("report", 3)
    outbox.request("end", "failed")
    assert receiver.told == [("end", ("failed",))]


def send_again_and_again(outbox: Outbox) -> None:
    for _ in range(10_000):
        outbox.send("report", 2)
        threading.Event().wait(0.01)


def test_whoever_is_stale_stays_so(receiver, outbox):
    receiver.fault = lambda call: StaleAttemptError()
    with pytest.raises(StaleAttemptError):
        outbox.request("heartbeat")
    for _ in range(2):
        with pytest.raises(StaleAttemptError):
            outbox.send("report", 1)
        with pytest.raises(StaleAttemptError):
            outbox.request("end", "failed")
    outbox.send_best_effort("log", "not told")
    outbox.close()
    assert not receiver.told


def test_a_full_disk_loses_nothing(receiver, outbox):
    room = threading.Event()
    receiver.fault = lambda call: None if room.is_set() else DiskFull("full")
    outbox.send("report", 1)
    with pytest.raises(DiskFull):
        outbox.request("saved")  # whoever asks tries again himself
    with pytest.raises(DiskFull):
        outbox.send("report", 2)
    room.set()
    assert outbox.request("saved") == 2
    outbox.send("report", 2)
    outbox.close()
    assert receiver.told == [("report", (1,)), ("saved", ()), ("report", (2,))]


def test_a_full_disk_met_by_a_question_alone_stops_nothing_after_it(receiver, outbox):
    receiver.fault = lambda call: DiskFull("full") if call[0] == "saved" else None
    with pytest.raises(DiskFull):
        outbox.request("saved")
    outbox.send("report", 1)
    outbox.close()
    assert receiver.told == [("report", (1,))]


def test_an_error_on_the_way_is_told_as_it_is(outbox, receiver):
    def away(calls: Sequence[Call]) -> Answer:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        Outbox(away).request("heartbeat")


def test_output_arrives_a_line_at_a_time(receiver, outbox):
    log = LogLines(outbox)
    print("one", "line", file=log)
    print("half a", end=" ", file=log)
    print("line\nand another", file=log)
    outbox.close()
    assert "".join(text for _, (text,) in receiver.told) == "one line\nhalf a line\nand another\n"
    assert all(text.endswith("\n") for _, (text,) in receiver.told)
