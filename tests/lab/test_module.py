"""The lab's ES module against hierapp's losses and decoders, on random ragged trees and random logits."""

import dataclasses
import math
from itertools import product

import numpy as np
import pytest
import torch

from hierapp import LabelTree
from hierapp.decoding import DECODERS
from hierapp.lab import browser, engine
from hierapp.lab.choices import EVERY_DECODER, EVERY_LOSS, DecoderChoice, LossChoice
from hierapp.lab.decoding import decide
from hierapp.lab.descent import descend
from hierapp.lab.example import Example
from hierapp.lab.judgement import Judgement, judge
from hierapp.lab.stories import step
from hierapp.lab.trees import named
from hierapp.losses import LOSSES
from hierapp.trees import DISTANCES
from hierapp.utils.numbers import number, of_log, signed
from tests.lab import module

pytestmark = pytest.mark.slow

SHOWS = ("tree", "losses", "formulas", "decoders")
CLOSE = {"rel": 1e-9, "abs": 1e-9}

# Other values of each option; the losses below are those with every one of them.
VALUES = {
    "cross-entropy": {"label_smoothing": [0.0, 0.1, 1.0], "tau": [0.0, 1.0]},
    "regularized-cross-entropy": {"penalty": [0.0, 0.1, 2.0]},
    "hierarchical": {
        "targets": ["path", "leaf"],
        "mass": [0.0, 1.0, 0.3],
        "soft": [0.0, 0.7],
        "soft_reduction": ["mean", "sum"],
    },
    "hierarchical-convex": {"soft": [0.0, 0.7], "soft_reduction": ["mean", "sum"]},
    "conditional": {"tau": [0.0, 1.0]},
    "hxe": {
        "alpha": [0.0, 0.1, 0.5],
        "normalize": [True, False],
        "parametrization": ["flat", "conditional"],
        "decay": ["root", "height"],
    },
    "soft-labels": {"beta": [0.0, 1.0, 10.0], "distance": list(DISTANCES)},
    "simloss": {"similarity": ["tree"], "lower_bound": [0.0, -0.5, 0.4]},
    "tree-wasserstein": {},
    "level-wise": {"weights": [None, "uniform", "hxe", "report", "geometric"]},
    "softmax-margin": {"tau": [0.0, 1.0], "margin": ["incorrect", "depth"]},
    "tree-min-focal": {"gamma": [0.0, 0.5, 2.0]},
    "frame": {"gamma": [0.5, 3.0]},
}
RULES = {
    "min-risk": {"distance": list(DISTANCES)},
    "threshold": {"threshold": [0.0, 0.2, 0.5, 1.0]},
    "min-cost": {"cost": list(DISTANCES)},
    "hf-beta": {"beta": [0.5, 1.0, 2.0], "count_root": [True, False]},
    "climb": {"threshold": [0.0, 0.2, 0.5, 1.0]},
}


# A loss or decoder that only Python has is tested below.
HERE = tuple(choice for choice in EVERY_LOSS if choice.name in VALUES)
RULED = [rule for rule in DECODERS if rule in browser.names_in("decoders.js", "DECODERS")]
DECIDED = tuple(choice for choice in EVERY_DECODER if choice.rule in RULED)


def grid(values):
    every = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    # How soft labels are combined matters only if there are any.
    return [each for each in every if each.get("soft") != 0.0 or each["soft_reduction"] == "mean"]


CHOICES = [LossChoice.of(name, options) for name, values in VALUES.items() for options in grid(values)]
DECISIONS = [DecoderChoice.of(rule, options) for rule in RULED for options in grid(RULES.get(rule, {}))]


def ragged(seed: int) -> LabelTree:
    """Draw a tree with leaves of different depth and with only children."""
    generator = np.random.default_rng(seed)
    parents = [-1]
    for _ in range(int(generator.integers(1, 30))):
        parents.append(int(generator.integers(max(0, len(parents) - 6), len(parents))))
    return LabelTree.from_edges([(f"n{parent}", f"n{child}") for child, parent in enumerate(parents) if child])


def trees() -> list[LabelTree]:
    flat = LabelTree.from_edges([("root", name) for name in "abc"])
    chain = LabelTree.from_edges([("root", "A"), ("A", "B"), ("B", "a")])
    return [*(ragged(seed) for seed in range(6)), flat, chain]


def examples() -> list[Example]:
    """Return random examples, one with huge logits and one with ties for each tree."""
    found = []
    for seed, tree in enumerate(trees()):
        found += [Example.random(tree, seed), Example.level(tree, seed % len(tree.leaves))]
        generator = np.random.default_rng(seed)
        wide = tuple(generator.normal(0.0, 300.0, len(tree.nodes) - 1).tolist())
        found.append(Example(tree, wide, int(generator.integers(len(tree.leaves)))))
    return found


@pytest.fixture(scope="module")
def computed():
    """Compute what the module says of every example, in one process."""
    views = [browser.view(each, CHOICES, DECISIONS, SHOWS) for each in examples()]
    script = """
        import { contents, decideOn, descentOf, exampleOfView, judge } from "./contents.js";
        import { makeLoss, read } from "./losses.js";
        const result = given.map((view) => {
            const example = exampleOfView(view), { tree } = example;
            const logProbs = (choice) => {
                if (choice.refused) return null;
                const loss = makeLoss(choice.name, tree, choice.options), logits = read(example, loss);
                return { leaves: loss.leafLogProbs(logits), nodes: loss.nodeLogProbs(logits) };
            };
            return {
                losses: view.losses.map((choice) => judge(example, choice)),
                logProbs: view.losses.map(logProbs),
                decoders: view.decoders.map((choice) => decideOn(example, choice)),
                logP: example.logP, logZ: example.logZ,
                descents: view.losses.map((choice) => choice.refused ? null
                    : descentOf(example, choice, 3).map((each) => each.logits)),
                contents: contents(view, example, tree.size - 1),
            };
        });
    """
    return list(zip(examples(), module.run(script, views), strict=True))


def same(found, wanted):
    """Whether two lists of numbers agree within 1e-9, relative to the largest of them."""
    found, wanted = np.array(found, float), np.array(wanted, float)
    scale = max(1.0, np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale)


def test_every_loss_and_every_option_is_tried():
    assert set(VALUES) == browser.names_in("losses.js", "LOSSES")
    assert {name: set(values) for name, values in VALUES.items()} == {
        name: {option.name for option in LOSSES[name].options} for name in VALUES
    }
    assert {rule: set(RULES.get(rule, ())) for rule in browser.names_in("decoders.js", "DECODERS")} == {
        rule: {option.name for option in DECODERS[rule].options} for rule in RULED
    }


def test_probabilities_are_those_of_the_library(computed):
    for example, found in computed:
        assert same(found["logP"], example.log_p)
        assert same(found["logZ"], example.log_z)


@pytest.mark.parametrize("name", VALUES)
def test_values_gradients_and_log_probabilities_are_the_librarys(name, computed):
    checked = 0
    for example, found in computed:
        for place, choice in enumerate(CHOICES):
            if choice.name != name:
                continue
            own, said = found["losses"][place], judge(example, choice)
            assert own["value"] == pytest.approx(said.value, **CLOSE), (choice, example)
            at = [node for node, slope in enumerate(said.gradient) if slope is not None]
            assert [node for node, slope in enumerate(own["gradient"]) if slope is not None] == at
            slopes = [[each[node] for node in at] for each in (own["gradient"], said.gradient)]
            assert same(*slopes), (choice, example)
            assert own["untouched"] == list(said.untouched), (choice, example)
            loss = engine.loss_of(choice, example.tree)
            logits = torch.tensor(engine.read(example, loss))[None]
            logs = found["logProbs"][place]
            assert same(logs["leaves"], loss.leaf_log_probs(logits)[0].tolist()), (choice, example)
            assert same(logs["nodes"], loss.node_log_probs(logits)[0].tolist()), (choice, example)
            checked += 1
    assert checked == len(computed) * sum(choice.name == name for choice in CHOICES)


@pytest.mark.parametrize("name", VALUES)
def test_terms_and_their_formulas_are_the_librarys(name, computed):
    for example, found in computed[::3]:  # with logits of a usual size, so that digits agree
        for place, choice in enumerate(CHOICES):
            if choice.name != name:
                continue
            own, said = found["losses"][place]["terms"], judge(example, choice).terms
            for mine, theirs in zip(own, said, strict=True):
                assert (mine["title"], mine["note"], mine["constant"]) == (theirs.title, theirs.note, theirs.constant)
                assert mine["value"] == pytest.approx(theirs.value, **CLOSE)
                assert [(each["node"], each["text"]) for each in mine["contributions"]] == [
                    (each.node, each.text) for each in theirs.contributions
                ]


@pytest.mark.parametrize("rule", RULED)
def test_decisions_and_their_arithmetic_are_the_librarys(rule, computed):
    for number_of_example, (example, found) in enumerate(computed):
        for place, choice in enumerate(DECISIONS):
            if choice.rule != rule:
                continue
            own, said = found["decoders"][place], decide(example, choice)
            assert own["node"] == said.node, (choice, example)
            lines = {line.text for line in said.lines}
            assert len(own["lines"]) + own["leftOut"] == len(said.lines)
            assert [line["node"] for line in own["lines"] if line["taken"]] == [
                line.node for line in said.lines if line.taken
            ]
            if number_of_example % 3 == 0:
                assert own["summary"] == said.summary
                assert {line["text"] for line in own["lines"]} <= lines


@pytest.mark.parametrize("choice", HERE, ids=lambda choice: choice.name)
def test_descents_are_the_librarys(choice, computed):
    place = CHOICES.index(choice)
    for example, found in computed[::3]:
        own = found["descents"][place]
        said = descend(example, choice, steps=3).examples
        assert all(same(mine, theirs.logits) for mine, theirs in zip(own, said, strict=True)), (choice, example)


def test_cards_have_the_librarys_numbers(computed):
    for example, found in computed[::3]:
        told = found["contents"]
        assert told["tree"]["p"] == [of_log(each) for each in example.log_p]
        assert told["tree"]["z"] == [of_log(each) for each in example.log_z]
        assert told["tree"]["path"] == list(example.true_path)
        for choice in HERE:
            card, said = told["losses"][CHOICES.index(choice)], judge(example, choice)
            assert (card["title"], card["value"], card["reason"]) == (said.title, number(said.value), said.reason)
            for bar in card["bars"]:
                slope = said.gradient[bar["node"]]
                assert bar["text"] == ("" if slope is None else signed(slope)), (choice, example)
        for choice in DECIDED:
            card, decision = told["decoders"][DECISIONS.index(choice)], decide(example, choice)
            assert card["name"] == decision.name
            verdicts = {(True, True): "right", (True, False): "right, but not exact", (False, False): "wrong"}
            assert card["verdict"] == verdicts[decision.right, decision.exact]


def test_numbers_are_written_as_in_python():
    generator = np.random.default_rng(0)
    drawn = (generator.normal(size=2000) * 10.0 ** generator.integers(-14, 9, 2000)).tolist()
    ties = [1.125, 1.135, 2.5, 1234.5, 1235.5, 0.03125, 999.5, 9.995, 99999.5, 999999.5, 0.0001, 1e-5, 1e6, 12345.0]
    values = [*drawn, *ties, *(-each for each in ties), 0.0, 1e300, 1e-300]
    logs = [*np.linspace(-2000.0, 5.0, 400).tolist(), *np.linspace(-12.0, -8.0, 300).tolist(), 0.0, math.log(0.125)]
    script = """
        import { number, ofLog, signed } from "./numbers.js";
        const result = [given[0].map(number), given[0].map(signed), given[1].map(ofLog)];
    """
    assert module.run(script, [values, logs]) == [
        [number(each) for each in values],
        [signed(each) for each in values],
        [of_log(each) for each in logs],
    ]


def test_what_python_states_is_compared():
    example = examples()[0]
    said = browser.stated(example, HERE, DECIDED)
    wrong = {
        "losses": [*said["losses"][:-1], {**said["losses"][-1], "value": said["losses"][-1]["value"] + 1e-6}],
        "decoders": [said["decoders"][0] - 1, *said["decoders"][1:]],
    }
    script = """
        import { disagreements, exampleOfView } from "./contents.js";
        const result = given.stated.map((each) => disagreements(given.view, exampleOfView(given.view), each));
    """
    view = browser.view(example, HERE, DECIDED, SHOWS)
    none, two = module.run(script, {"view": view, "stated": [said, wrong]})
    assert none == []
    assert [each.partition(":")[0] for each in two] == [HERE[-1].title, DECIDED[0].rule]


def test_the_joined_module_computes_the_same(tmp_path):
    entry = 'import { contents, exampleOfView } from "./contents.js";\nexport { contents, exampleOfView };\n'
    file = tmp_path / "joined.mjs"
    file.write_text(browser.joined(entry=entry), encoding="utf-8")
    view = browser.view(examples()[0], HERE, DECIDED, SHOWS)
    script = f"""
        import * as apart from "./contents.js";
        import * as joined from "{file.as_uri()}";
        const result = [apart, joined].map((each) => each.contents(given, each.exampleOfView(given), 1));
    """
    apart, together = module.run(script, view)
    assert apart == together
    assert apart["look"]["lines"]


def test_every_name_that_a_file_imports_is_exported():
    files = (*browser.FILES, *browser.BOARD)
    for place, name in enumerate(files):
        for names, source in browser._IMPORT.findall(browser.read(name)):
            assert source in files[:place], f"{name} imports from {source}, which comes later"
            exported = set(browser._EXPORT.findall(browser.read(source)))
            assert {each.strip() for each in names.strip("{}").split(",")} <= exported, (name, source)


def test_a_loss_that_the_tree_does_not_allow_has_its_reason():
    example = examples()[0]
    view = browser.view(example, [LossChoice.of("level-wise", {"weights": (1.0,) * 40})], (), SHOWS)
    script = """
        import { contents, exampleOfView } from "./contents.js";
        const result = contents(given, exampleOfView(given), 1);
    """
    (card,) = module.run(script, view)["losses"]
    assert card["refused"].startswith("Expected ")


def test_a_loss_without_a_form_in_the_module_is_shown_with_pythons_numbers(made_up):
    example = examples()[0]
    choice = LossChoice(made_up.name)
    said = judge(example, choice)
    assert isinstance(said, Judgement)
    script = """
        import { contents, exampleOfView, isComplete } from "./contents.js";
        const result = given.map((view) => [isComplete(view), contents(view, exampleOfView(view), 1)]);
    """
    views = [browser.view(example, [choice], (), SHOWS, ready=ready) for ready in (True, False)]
    (complete, told), (_, before) = module.run(script, views)
    assert not complete
    assert told["losses"][0]["value"] == number(said.value)
    assert {bar["node"]: bar["slope"] for bar in told["losses"][0]["bars"]} == dict(enumerate(said.gradient[1:], 1))
    assert before["losses"][0]["waits"]


def test_a_decoder_without_a_form_in_the_module_is_shown_with_pythons_arithmetic(monkeypatch):
    spec = dataclasses.replace(DECODERS["leaf"], name="made-up")
    monkeypatch.setitem(DECODERS, "made-up", spec)
    example = examples()[0]
    view = browser.view(example, (), [DecoderChoice("made-up")], SHOWS)
    script = """
        import { contents, exampleOfView } from "./contents.js";
        const result = contents(given, exampleOfView(given));
    """
    told = module.run(script, view)
    assert told["decoders"][0]["summary"] == decide(example, DecoderChoice("leaf")).summary
    assert "made-up" in told["tree"]["marks"].values()


def test_of_a_large_tree_the_true_path_and_what_was_predicted_are_drawn():
    example = Example.random(named("cifar100-flat"), 3)
    view = browser.view(example, HERE, DECIDED, SHOWS)
    script = """
        import { contents, exampleOfView } from "./contents.js";
        const result = contents(given, exampleOfView(given));
    """
    told = module.run(script, view)["tree"]
    assert len(told["rows"]) <= 60
    assert {*example.true_path, *map(int, told["marks"])} <= set(told["rows"])
    assert all(example.tree.parents[node] in told["rows"] for node in told["rows"][1:])
    assert told["hidden"] == len(example.tree.nodes) - len(told["rows"])


def test_a_nodes_formulas_have_its_numbers_put_in():
    view = browser.view(step("cat-truck", 1).example(), [LossChoice("conditional")], (), ("tree",))
    script = """
        import { contents, exampleOfView } from "./contents.js";
        const result = [2, 6, 99].map((node) => contents(given, exampleOfView(given), node).look);
    """
    cat, truck, nobody = module.run(script, view)
    lines = {line["title"]: line["text"] for line in cat["lines"]}
    assert lines["z"] == "z = 0.6 · 0.4 = 0.24"
    assert lines["p"].endswith("= 0.4")
    assert "−log p(v) = −log 0.4 = 0.916" in lines["Conditional"]
    assert "gradient −0.6" in lines["Conditional"]
    assert truck["lines"][-1]["text"] == "no gradient on this logit"
    assert nobody is None
