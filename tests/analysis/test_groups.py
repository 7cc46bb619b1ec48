"""Runs by their group, and the command line that compares them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hierapp import LabelTree
from hierapp.analysis import groups, summary
from hierapp.analysis.reevaluation import reevaluate
from hierapp.cli import main as cli
from hierapp.errors import ConfigError
from hierapp.runs import Store
from hierapp.stats import compare_all
from hierapp.training import RunConfig, predictions
from hierapp.training.form_fields import GROUPS, fields_of
from hierapp.trees import library as tree_library
from tests.finished_runs import add_finished
from tests.store_states import end

DIGITS = tree_library.load("digits")
Call = Callable[..., tuple[int, str, str]]


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", **values})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return Store()


@pytest.fixture
def call(store: Store, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = cli.main(("compare", *arguments))
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def finished(store: Store, accuracy: float, labels: LabelTree = DIGITS, **values: object) -> str:
    (run,) = store.add([config(**values)], labels)
    test = {"accuracy": accuracy, "severity": 2.0, "recall": [0.5], "samples": 10, "flag": True}
    end(store, run, "finished", test=test)
    return run


def two_groups(store: Store, seeds: int = 4) -> list[str]:
    ids = []
    for seed in range(seeds):
        ids.append(finished(store, 0.70 + seed / 100, seed=seed))
        ids.append(finished(store, 0.60 + seed / 90, seed=seed, loss="cross-entropy"))
    return ids


# Groups


def test_runs_are_grouped_by_all_but_the_seed_and_the_device(store):
    two_groups(store, seeds=3)
    finished(store, 0.9, seed=7, device="cpu")
    first, second = groups.groups(store.runs())
    assert (first.label, second.label) == ("hierarchical", "cross-entropy")
    assert first.values("accuracy") == {0: 0.70, 1: 0.71, 2: 0.72, 7: 0.9}
    assert list(second.runs) == [0, 1, 2]
    assert groups.values([first, second], "severity")["cross-entropy"] == {0: 2.0, 1: 2.0, 2: 2.0}


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({"options": {"mass": 0.5}}, "hierarchical, mass 0.5"),
        ({"epochs": 9}, "hierarchical · epochs 9"),
        ({"label_smoothing": 0.1}, "hierarchical · smoothing 0.1"),
        ({"learning_rate": 0.01}, "hierarchical · lr 0.01"),
        ({"batch_size": 7}, "hierarchical · batch 7"),
        ({"tree": "digits-flat", "batch_size": 7}, "hierarchical · digits-flat · batch 7"),
    ],
)
def test_a_setting_is_named_by_what_tells_it_from_the_others(store, values, label):
    finished(store, 0.5)
    finished(store, 0.6, **values)
    assert groups.groups(store.runs())[1].label == label


def test_what_is_off_as_usual_is_not_named(store):
    finished(store, 0.5)
    finished(store, 0.6, label_smoothing=0.1)
    assert groups.groups(store.runs())[0].label == "hierarchical"


def test_every_field_of_a_configuration_makes_another_setting(store):
    """A field that is added must not let runs of two groups pass for one."""
    finished(store, 0.5)
    changed = {"data": "fashion-mnist", "tree": "other", "loss": "simloss", "options": {"mass": 3.0}, "model": "m"}
    of_kind = {int: 77, float: 0.077, bool: True}
    for group in GROUPS:
        changed |= {
            name: next(word for word in field.choices if word != field.default)
            if field.choices
            else of_kind[field.kind]
            for name, field in fields_of(group).items()
        }
    (run,) = store.runs()
    for name in RunConfig.model_fields:
        value = changed.get(name)
        config = run.config.model_copy(update={name: value if name != "seed" else 9})
        other = replace(run, id="99", config=config)
        expected = 1 if name in groups.NOT_IN_GROUP else 2
        assert len(groups.groups([run, other])) == expected, name


def test_a_tree_that_was_changed_under_its_name_makes_another_setting(store):
    finished(store, 0.5)
    turned = LabelTree.from_edges([("root", name) for name in DIGITS.leaves])
    finished(store, 0.6, labels=turned)
    one, other = groups.groups(store.runs())
    marks = [summary.mark_of(group.run.tree_text) for group in (one, other)]
    assert [one.label, other.label] == [f"hierarchical · digits ({mark})" for mark in marks]


def test_the_same_seed_again_is_no_further_evidence(store):
    for accuracy in (0.5, 0.6, 0.7):
        finished(store, accuracy, seed=3)
    (group,) = groups.groups(list(reversed(store.runs())))
    assert group.values("accuracy") == {3: 0.7}, "the newest counts"
    assert [run.id for run in group.repeated] == ["1", "2"]


def test_runs_that_are_not_finished_are_left_out(store):
    finished(store, 0.5)
    store.add([config(seed=1)], DIGITS)
    (group,) = groups.groups(store.runs())
    assert list(group.runs) == [0]
    assert groups.groups([]) == []


def test_only_single_numbers_are_figures(store):
    finished(store, 0.5)
    (group,) = groups.groups(store.runs())
    assert groups.metrics(store.runs()) == ["accuracy", "severity", "samples"]
    assert groups.metrics([]) == []
    for name in ("recall", "flag", "speed"):
        with pytest.raises(ConfigError, match=rf"^Run 1 has no metric '{name}'; choose one of 'accuracy', "):
            group.values(name)


def test_groups_go_into_a_comparison(store):
    two_groups(store)
    (found,) = compare_all(groups.values(groups.groups(store.runs()), "accuracy")).comparisons
    assert (found.paired, found.a.n, found.first) == (True, 4, "hierarchical")


def test_theory_speaks_only_where_two_losses_look_different(store):
    finished(store, 0.5, options={"targets": "leaf"})
    finished(store, 0.5, loss="conditional")
    finished(store, 0.5, loss="conditional", epochs=2)
    finished(store, 0.5, loss="simloss")
    leaf, conditional, longer, simloss = groups.groups(store.runs())
    assert "up to a constant" in groups.remark(leaf, conditional)
    assert "up to a constant" in groups.remark(leaf, longer)
    assert groups.remark(conditional, longer) is None, "nobody thought they differ"
    assert groups.remark(leaf, simloss) is None


# The command line


def test_compare_prints_a_table_and_a_sentence_for_each_pair(store, call):
    ids = two_groups(store)
    status, out, err = call(*ids)
    assert (status, err) == (0, "")
    assert "accuracy of the test part" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["group", "n", "mean", "deviation", "median"] in rows
    assert ["hierarchical", "4", "0.7150", "0.0129", "0.7150"] in rows
    assert (
        "hierarchical against cross-entropy: With 4 paired seeds, no difference could have reached p < 0.05"
        " (the smallest possible p is 0.125); 6 pairs or more could." in out
    )
    assert "In theory" not in out


def test_compare_unpaired_says_what_the_same_figures_show_then(store, call):
    ids = two_groups(store)
    status, out, _ = call(*ids, "--unpaired", "--relevant", "0.01")
    assert (status, "hierarchical is higher than cross-entropy (p = 0.029; Mann-Whitney, exact)" in out) == (0, True)


def test_compare_as_json_has_the_tests_and_what_theory_says(store, call):
    ids = [finished(store, 0.5 + seed / 10, seed=seed, options={"targets": "leaf"}) for seed in range(2)]
    ids += [finished(store, 0.5 + seed / 11, seed=seed, loss="conditional") for seed in range(3)]
    ids += [finished(store, 0.3, loss="simloss")]
    status, out, err = call(*ids, "--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert shown["metric"] == "accuracy"
    assert shown["runs"]["conditional"] == {"0": "3", "1": "4", "2": "5"}
    assert [each["paired"] for each in shown["comparisons"]] == [False, False, False]
    assert [each["same_loss"] is not None for each in shown["comparisons"]] == [True, False, False]
    assert shown["comparisons"][0]["mann_whitney"]["p"] > 0.05
    assert "In theory both are the same loss" in call(*ids)[1]
    shown = json.loads(call(*ids, "--json", "--baseline", ids[-1], "--metric", "severity")[1])
    assert (shown["baseline"], len(shown["comparisons"])) == ("simloss", 2)


def test_a_run_that_is_left_out_is_named(store, call):
    ids = [finished(store, 0.5), finished(store, 0.6), finished(store, 0.7, loss="simloss")]
    _, out, _ = call(*ids)
    assert "run 1 is left out: run 2" in out
    assert call(*ids, "--baseline", "1")[0] == 0, "it still names its group"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: RUN"),
        (("1",), "A comparison needs two groups but got 1"),
        (("1", "99"), "There is no run '99'"),
        (("1", "4"), "Run 4 is failed; only finished runs"),
        (("1", "2", "--metric", "speed"), "Run 1 has no metric 'speed'"),
        (("1", "2", "--paired", "--unpaired"), "not allowed with argument"),
        (("1", "3", "--paired"), "are not the same"),
        (("1", "2", "--baseline", "3"), "The baseline, run 3,"),
        (("1", "2", "--relevant", "0"), "relevant difference to be above 0"),
        (("1", "5"), "of the data sets 'digits', 'fashion-mnist'; compare runs of one"),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_bad_input_costs_one_line(store, call, arguments, message, json_too):
    finished(store, 0.5)
    finished(store, 0.6, loss="simloss")
    finished(store, 0.6, loss="simloss", seed=1, epochs=3)
    (failed,) = store.add([config()], DIGITS)
    end(store, failed, "failed", error="why")
    finished(store, 0.7, labels=tree_library.load("fashion-mnist"), data="fashion-mnist")
    status, out, err = call(*arguments, *(["--json"] if json_too else []))
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


# Another decoder


def test_stored_outputs_are_compared_with_another_decoder(store, call):
    for seed in range(3):
        for loss, skill in (("cross-entropy", 2.0), ("hierarchical", 2.5)):
            add_finished(store, loss, seed, skill=skill)
    status, out, _ = call(
        "1", "2", "3", "4", "5", "6", "--decoder", "hf-beta:beta=2", "--metric", "hierarchical_f1", "--json"
    )
    shown = json.loads(out)
    assert (status, shown["decoder"]) == (0, "hf-beta:beta=2")
    found = [
        reevaluate(predictions.stored(store.run(run).folder), DIGITS, "hf-beta", beta=2)["hierarchical_f1"]
        for run in ("1", "3", "5")
    ]
    (first, *_) = shown["samples"].values()
    assert first["mean"] == pytest.approx(sum(found) / 3)
    for wrong, said in (
        (("--decoder", "best"), "Unknown decoder 'best'"),
        (("--decoder", "climb"), "no metric 'log_loss'"),
    ):
        status, _, err = call("1", "2", *wrong, "--metric", "log_loss")
        assert (status, err.count("\n")) == (2, 1)
        assert said in err
