import re

import pytest
import torch
from hypothesis import example, given, settings, strategies as st

from hierapp.decoding import decoders
from hierapp.errors import ConfigError
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice
from hierapp.lab.decoding import decide, decide_all
from hierapp.lab.example import Example
from hierapp.trees import DISTANCES, LabelTree
from tests.losses.literal import RAGGED
from tests.strategies import trees

CHOICES = [
    *EVERY_DECODER,
    *(DecoderChoice.of("min-risk", {"distance": kind}) for kind in DISTANCES),
    *(DecoderChoice.of("threshold", {"threshold": least}) for least in (0, 0.2, 0.9, 1)),
    *(DecoderChoice.of("climb", {"threshold": least}) for least in (0, 0.2, 0.9, 1)),
    DecoderChoice.of("min-cost", {"cost": "lca-height"}),
    DecoderChoice.of("hf-beta", {"beta": 2, "count_root": True}),
]
# With seed 47297 its nodes n1 and n7, of equal depth, have a probability of 0.5 each, but for rounding.
TIED = LabelTree([f"n{node}" for node in range(10)], [-1, 0, 0, 1, 1, 2, 1, 2, 3, 6])


@pytest.mark.parametrize("choice", CHOICES, ids=str)
@settings(max_examples=40)
@given(tree=trees(max_nodes=25), seed=st.integers(0, 2**31))
@example(tree=TIED, seed=47297)
def test_the_prediction_is_the_librarys_and_follows_from_the_lines(choice, tree, seed):
    example = Example.random(tree, seed)
    decision = decide(example, choice)
    log_probs = torch.tensor([example.leaf_log_probs], dtype=torch.float64)
    assert decision.node == int(decoders.decode(log_probs, tree, choice.rule, **choice.option_values)[0])
    assert decision.name == tree.nodes[decision.node]
    taken = [line for line in decision.lines if line.taken]
    assert taken[-1].node == decision.node
    match choice.rule:
        case "leaf":
            assert taken[0].value == pytest.approx(max(line.value for line in decision.lines))
        case "top-down":
            groups = {}
            for line in decision.lines:
                groups.setdefault(int(tree.parents[line.node]), []).append(line.value)
            assert [line.value for line in taken] == pytest.approx([max(group) for group in groups.values()])
        case "min-risk":
            risks = decoders.leaf_risks(log_probs, tree, choice.option_values["distance"])[0]
            assert [line.value for line in decision.lines] == pytest.approx(risks.tolist(), abs=1e-9)
            assert taken[0].value == pytest.approx(min(line.value for line in decision.lines), abs=1e-5)
        case "threshold":
            reached = [line for line in decision.lines if "≥" in line.text]
            assert max(int(tree.depth[line.node]) for line in reached) == tree.depth[decision.node]
            assert "≥" in taken[0].text
        case "min-cost":
            assert taken[0].value == pytest.approx(min(line.value for line in decision.lines), abs=1e-9)
        case "hf-beta" | "parent-weighted":
            assert taken[0].value == pytest.approx(max(line.value for line in decision.lines), abs=1e-9)
        case "climb":
            assert [line.value for line in decision.lines] == sorted(line.value for line in decision.lines)
            assert all(">" not in line.text for line in decision.lines[:-1])


def test_the_arithmetic_is_written_out():
    example = Example.from_conditionals(RAGGED, {"A": 0.6, "a": 0.3, "b": 0.5}, "d")
    leaf, top_down, risk, least = decide_all(example)
    assert [line.text for line in leaf.lines] == [
        "a: z = 0.6 · 0.3 = 0.18",
        "b: z = 0.6 · 0.7 · 0.5 = 0.21",
        "c: z = 0.6 · 0.7 · 0.5 = 0.21",
        "d: z = 0.4",
    ]
    assert leaf.summary == "The most likely leaf is d, with 0.4."
    assert (leaf.right, leaf.exact) == (True, True)
    assert top_down.summary.endswith("at each step: A (0.6), then B (0.7), then b (0.5).")
    assert risk.lines[0].text == "a: risk = 2 · 0.82 = 1.64"
    assert risk.lines[0].latex == r"\mathrm{risk} = 2 \cdot 0.82 = 1.64"
    assert least.summary == "The deepest node with z ≥ 0.5 is A, with 0.6."
    assert least.lines[0].text == "root: z = 1 ≥ 0.5, depth 1"
    assert not least.right
    above = decide(example.with_target(0), DecoderChoice.of("threshold"))
    assert (above.right, above.exact) == (True, False)


def test_every_summary_is_a_sentence():
    for decision in decide_all(Example.random(RAGGED, 0), CHOICES):
        assert re.fullmatch(r"[A-Z].*\.", decision.summary)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("nobody", {}),
        ("leaf", {"threshold": 0.5}),
        ("threshold", {"threshold": 2}),
        ("threshold", {"threshold": "much"}),
        ("min-risk", {"distance": "far"}),
    ],
)
def test_a_wrong_decoder_is_refused_in_a_sentence(rule, options):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        DecoderChoice.of(rule, options)
