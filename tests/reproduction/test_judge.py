"""Each claim by made-up results: one set that agrees, one that differs, one that cannot tell."""

from __future__ import annotations

import pytest

from hierapp.reproduction import judge
from hierapp.reproduction.figures import FIGURES
from tests.reproduction import made_up
from tests.reproduction.made_up import classes, confusion, evidence, figure, right, timing

FLAT, TREE, BOTH = "cross-entropy", "hierarchical", "regularized-cross-entropy"
SHARES = {FLAT: 0.7, BOTH: 0.7, TREE: 0.7}

# For each claim what is made up for it to agree, and to differ.
CASES = [
    ("3a", 0, {}, {"accuracy": {TREE: 0.65}}),
    ("3c", 0, {"confusion": confusion(100, 168)}, {"confusion": confusion(150, 168)}),
    ("3c", 1, {"confusion": confusion(100, 168)}, {"confusion": confusion(100, 120)}),
    ("4", 0, {}, {"accuracy": {"hierarchical, CNN-6": 0.8}}),
    ("5", 0, {"accuracy": {"adversarial tree": 0.68}}, {}),
    ("5", 0, {"accuracy": {"adversarial tree": 0.68}}, {"accuracy": {"adversarial tree": 0.6}}),
    ("6", 1, {}, {"accuracy": {"wide tree": 0.75}}),
    ("8", 0, {}, {"accuracy": {"soft labels": 0.6}}),
    ("8", 1, {"rate": {"soft labels": 1.05}}, {"rate": {"soft labels": 0.9}}),
    ("9", 0, {"accuracy": {"rate 1e-4": 0.5}}, {"accuracy": {"rate 1e-2": 0.75}}),
    ("10", 0, {"rate": {"SGD": 0.1}}, {}),
    ("11", 1, {"accuracy": {"constant rate": 0.68}}, {"accuracy": {"constant rate": 0.72}}),
    ("12", 0, {"classes": classes(0.05, 0.03)}, {"classes": classes(0.05, 0.07)}),
    (
        "poster",
        0,
        {"accuracy": {TREE: 0.68}, "right": right(SHARES)},
        {"accuracy": {TREE: 0.72}, "right": right(SHARES)},
    ),
    (
        "poster",
        0,
        {"accuracy": {TREE: 0.68}, "right": right(SHARES)},
        {"accuracy": {TREE: 0.6, BOTH: 0.8}, "right": right(SHARES)},
    ),
    ("poster", 1, {"right": right(SHARES)}, {"right": right({**SHARES, TREE: 0.6})}),
    ("appendix-a", 0, {"timing": timing(150, 200, 280)}, {"timing": timing(4, 5, 6)}),
]


def verdict(name, claim, made, n=5):
    shown = judge.judge(figure(name), evidence(figure(name), n=n, **made))
    return shown.claims[claim].verdict


@pytest.mark.parametrize(("name", "claim", "agreeing", "differing"), CASES)
def test_every_claim_can_agree_and_can_differ(name, claim, agreeing, differing):
    assert verdict(name, claim, agreeing) == "agrees"
    assert verdict(name, claim, differing) == "differs"


def test_every_claim_of_every_figure_is_among_the_cases():
    tried = {(figure(name).id, claim) for name, claim, *_ in CASES}
    assert tried == {(each.id, number) for each in FIGURES for number in range(len(each.claims))}


@pytest.mark.parametrize(
    ("name", "claim", "agreeing"), [case[:3] for case in CASES if case[0] not in ("3c", "12", "poster", "appendix-a")]
)
def test_one_seed_cannot_tell(name, claim, agreeing):
    assert verdict(name, claim, agreeing, n=1) == "cannot tell"


def test_what_cannot_be_told_of_other_evidence():
    assert verdict("3c", 0, {}) == "cannot tell"
    assert verdict("12", 0, {}) == "cannot tell"
    assert verdict("poster", 1, {}) == "cannot tell"
    assert verdict("appendix-a", 0, {"timing": timing(20, 200)}) == "cannot tell"
    some = {name: dict(of_seed) for name, of_seed in right(SHARES).items()}
    some[TREE] = right({**SHARES, TREE: 0.6})[TREE] | {4: some[TREE][4]}
    assert verdict("poster", 1, {"right": some}) == "cannot tell"


@pytest.mark.parametrize("which", FIGURES, ids=lambda each: each.id)
def test_a_result_has_a_row_for_each_setting_and_something_to_draw(which):
    more = {
        "confusion": confusion(100, 168),
        "classes": classes(0.05, 0.03),
        "right": right(SHARES),
        "timing": timing(150, 200),
    }
    shown = judge.judge(which, evidence(which, **more))
    assert shown.figure == which.id
    assert shown.plot.kind != "none"
    assert shown.table
    assert all(claim.sentence.endswith(".") for claim in shown.claims)
    assert shown.runs == 5 * len(which.groups)
    assert shown.seconds == 50.0 * len(which.groups)


def test_a_setting_without_a_run_is_missing():
    seen = evidence(figure("8"))
    assert judge.missing(figure("8"), seen) is None
    gone = {**seen.test, "soft labels": {}}
    assert "soft labels" in judge.missing(figure("8"), made_up.Evidence(seen.tree, gone, seen.accuracy))
    assert "time measurement" in judge.missing(figure("appendix-a"), evidence(figure("appendix-a")))


def test_a_figure_is_as_good_as_its_worst_claim():
    shown = judge.judge(figure("5"), evidence(figure("5"), {"adversarial tree": 0.68, "wide tree": 0.75}))
    assert [claim.verdict for claim in shown.claims] == ["agrees", "differs"]
    assert shown.verdict == "differs"
