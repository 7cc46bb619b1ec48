"""What is queued of a plan: each run once, what is finished not again, what stopped goes on."""

from __future__ import annotations

import pytest

from hierapp.access import Actions, Limits, Person, Role
from hierapp.errors import AccessError, HierappError
from hierapp.reproduction import planning, queueing
from hierapp.reproduction.figures import find
from hierapp.reproduction.presets import SIZES
from tests.store_states import end

QUICK = SIZES["quick"].cut(seeds=2, epochs=1)


def plan(*names):
    return planning.plan(find(names), QUICK, "digits")


def test_every_run_is_queued_once_with_its_tree_and_tag(store):
    planned = plan()
    ids = queueing.queue(store, planned, "quick")
    assert len(ids) == len(set(ids)) == len(planned) == len(store.runs())
    assert {run.tags for run in store.runs()} == {("paper:quick",)}
    for each, run in zip(planned, ids, strict=True):
        assert store.run(run).config == each.config
        assert store.run(run).tree == each.tree


def test_asking_again_or_for_figures_that_share_runs_queues_nothing(store):
    ids = queueing.queue(store, plan(), "quick")
    assert queueing.queue(store, plan(), "quick") == ids
    queueing.queue(store, plan("3a", "10"), "quick")
    assert len(store.runs()) == len(ids)


def test_after_a_kill_finished_runs_are_kept_and_stopped_ones_go_on(store):
    planned = plan("8")
    ids = queueing.queue(store, planned, "quick")
    end(store, ids[0], "finished")
    end(store, ids[1], "interrupted", error="Its process is gone.")
    store.request_cancel(ids[2])
    assert queueing.queue(store, planned, "quick") == ids
    assert [store.run(run).state for run in ids] == ["finished", "queued", "queued", "queued"]


def test_a_run_that_was_started_otherwise_counts_and_gets_the_tag(store):
    (first, *_) = planned = plan("3c")
    (run,) = store.add([first.config], first.tree)
    end(store, run, "finished")
    assert queueing.queue(store, planned, "quick")[0] == run
    assert store.run(run).tags == ("paper:quick",)
    assert len(store.runs()) == len(planned)


@pytest.mark.parametrize(
    "change", [{"epochs": 2}, {"seed": 7}, {"batch_size": 64}, {"loss": "cross-entropy", "options": {}}]
)
def test_a_run_of_another_configuration_does_not_count(store, change):
    (first, *_) = planned = plan("3c")
    other = type(first.config).make(**{**first.config.model_dump(), **change})
    (run,) = store.add([other], first.tree)
    end(store, run, "finished")
    assert queueing.matches(store.runs(), planned) == [None, None]


def test_a_run_over_another_tree_does_not_count(store):
    (first, *_) = planned = plan("3c")
    (run,) = store.add([first.config], planning.tree_of("digits", "adversarial"))
    end(store, run, "finished")
    assert queueing.matches(store.runs(), planned) == [None, None]


def test_of_runs_alike_the_finished_one_counts_then_the_newest(store):
    (first, *_) = plan("3c")
    older, newer, failed = store.add([first.config] * 3, first.tree)
    for run, state in ((older, "finished"), (newer, "finished"), (failed, "failed")):
        end(store, run, state)
    (found, _) = queueing.matches(store.runs(), plan("3c"))
    assert found.id == newer


def test_who_may_have_few_runs_gets_a_sentence_and_nothing_is_queued(store):
    person = Person("bob@x.edu", Role.RUNNER, limits=Limits(waiting=5))
    with pytest.raises(AccessError, match="at most 5 runs waiting"):
        queueing.queue(store, plan(), "quick", Actions(store, person))
    assert store.runs() == []
    assert len(queueing.queue(store, plan("8"), "quick", Actions(store, person))) == 4
    assert {run.owner for run in store.runs()} == {"bob@x.edu"}


def test_somebody_elses_stopped_run_is_not_resumed_but_trained_anew(store):
    first = plan("3c")[0]
    (run,) = store.add([first.config], first.tree, owner="ada@x.edu")
    end(store, run, "cancelled")
    person = Person("bob@x.edu", Role.RUNNER)
    ids = queueing.queue(store, plan("3c"), "quick", Actions(store, person))
    assert run not in ids
    assert store.run(run).state == "cancelled"
    assert store.run(run).tags == ()


def test_a_viewer_starts_nothing(store):
    with pytest.raises(HierappError, match="may not start runs"):
        queueing.queue(store, plan("8"), "quick", Actions(store, Person("eve@x.edu", Role.VIEWER)))
    assert store.runs() == []
