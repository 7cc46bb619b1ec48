import re
import subprocess
import sys

import pytest

from hierapp.errors import ConfigError, TreeError
from hierapp.lab import trees
from hierapp.lab.choices import LossChoice
from hierapp.lab.decoding import decide, decide_all
from hierapp.lab.descent import descend
from hierapp.lab.judgement import Judgement, judge, judge_all
from hierapp.lab.landscape import cut, plane, printed
from hierapp.lab.minimizer import least, walk
from hierapp.lab.steps import CONTROLS, SHOWS
from hierapp.lab.stories import STORIES, step, story
from hierapp.utils.numbers import number, of_log, signed

STEPS = [
    pytest.param(each, at, id=f"{each.id}-{number}") for each in STORIES for number, at in enumerate(each.steps, 1)
]


def screen(at):
    """What the library has to show for a step, as text; nothing of the step's own words."""
    example, texts = at.example(), []
    if "tree" in at.shows:
        texts += [*example.tree.nodes, *map(of_log, example.log_p), *map(of_log, example.log_z)]
    words = judge_all(example, at.losses)
    assert all(isinstance(word, Judgement) for word in words)
    if {"losses", "formulas"} & set(at.shows):
        for word in words:
            texts += [number(word.value), *(signed(slope) for slope in word.gradient if slope is not None)]
            texts += [number(term.value) for term in word.terms]
            texts += ["constant" for term in word.terms if term.constant]
            texts += [part.text for term in word.terms for part in term.contributions]
    if "decoders" in at.shows:
        for decision in decide_all(example, at.decoders):
            texts += [decision.name, decision.summary, *(line.text for line in decision.lines)]
    settings = at.losses[0].option_values
    if "minimizer" in at.shows:
        found = least(example.tree, at.truth, settings["targets"], settings["mass"])
        texts += [found.summary, *map(number, found.probabilities), *map(number, found.truth)]
    if "walk" in at.shows:
        for found in walk(at.truth, settings["targets"], settings["mass"]):
            texts += map(number, found.probabilities)
    if "slice" in at.shows:
        for choice in at.losses:
            line = cut(example, at.second_example(), choice, at.space)
            texts += [line.summary, number(line.curve[0]), number(line.curve[-1])]
    if "surface" in at.shows:
        assert all(plane(example, at.second_example(), at.third_example(), choice, at.space, 5) for choice in at.losses)
    if "printed" in at.shows:
        said = printed(example)
        texts += [said.summary, number(said.value)]
    return texts


@pytest.mark.parametrize(("each", "at"), STEPS)
def test_what_a_step_must_show_is_what_the_library_says(each, at):
    texts = screen(at)
    for wanted in at.must_show:
        # The documents' two digits are shown as three: 0.614.
        more = r"\d?" if wanted in ("0.61", "0.11") else ""
        alone = re.compile(rf"(?<![\w.−+]){re.escape(wanted)}{more}(?!\.?\d)")
        assert any(alone.search(text) for text in texts), wanted


@pytest.mark.parametrize(("each", "at"), STEPS)
def test_a_step_is_whole(each, at):
    assert at.must_show
    assert set(at.shows) <= set(SHOWS)
    assert set(at.controls) <= set(CONTROLS)
    assert at.text.endswith(".")
    assert len(at.text) < 330  # read aloud from a projector
    assert at.example().target_name == at.target
    assert ("slice" in at.shows) <= (at.second is not None)
    assert ("surface" in at.shows) <= (at.third is not None)
    assert (at.truth is not None) == ("minimizer" in at.shows)


@pytest.mark.parametrize(("each", "at"), STEPS)
def test_the_numbers_in_the_words_are_right(each, at):
    """Each number with a point in the text is one of the screen's, or a piece of arithmetic that is right."""
    shown = " ".join(screen(at))
    for text in re.findall(r"\d+\.\d+(?: · \d+\.\d+)* = (\d+\.\d+)|(\d+\.\d+)", at.text):
        wanted = text[0] or text[1]
        assert wanted in shown or wanted in _BEFORE.get((each.id, at.title), ()), wanted


# Numbers that a text repeats from the step before, or that arise as one moves on.
_BEFORE = {
    ("cat-truck", "Why training does not prevent it"): ("0.95",),
    ("pushes", "Soft labels reach off the path"): ("0.95",),
}


def test_there_are_six_stories_and_each_step_has_its_place():
    assert len(STORIES) == 6
    assert len({each.id for each in STORIES}) == 6
    assert step("cat-truck", 1) is story("cat-truck").steps[0]


@pytest.mark.parametrize(("story_id", "number"), [("nobody", 1), ("convex", 0), ("convex", 6)])
def test_a_step_that_is_not_there_is_told_in_a_sentence(story_id, number):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        step(story_id, number)


def test_figure_7_exactly():
    at = step("cat-truck", 1)
    z = dict(zip(trees.named(at.tree).leaves, at.example().leaf_probabilities, strict=True))
    assert (z["cat"], z["truck"]) == (pytest.approx(0.24, abs=1e-12), pytest.approx(0.38, abs=1e-12))
    names = [decision.name for decision in decide_all(at.example())]
    assert names == ["truck", "cat", "cat", "animal"]
    last = story("cat-truck").steps[-1]
    assert decide(last.example(), last.decoders[0]).name == "cat"


def test_which_logits_are_never_touched_in_story_2():
    at = step("pushes", 2)
    nodes = at.example().tree.nodes
    assert {nodes[node] for node in judge(at.example(), LossChoice("conditional")).untouched} == {"truck", "ship"}
    assert not judge(at.example(), LossChoice.of("hierarchical", {"soft": 1})).untouched


def test_every_loss_raises_the_cat():
    at = story("pushes").steps[-1]
    for choice in at.losses:
        walked = descend(at.example(), choice, 1.0, 100)
        place = at.example().target
        assert walked.last.leaf_probabilities[place] > at.example().leaf_probabilities[place] + 0.01


def test_the_ragged_story_4_flat_tree_is_cross_entropy_plus_one():
    example = story("tree-matters").steps[-1].example()
    values = {word.choice.name: word.value for word in judge_all(example)}
    assert values["hierarchical"] == pytest.approx(values["cross-entropy"] + 1)
    for at in story("tree-matters").steps:
        assert judge(at.example(), LossChoice("conditional")).value == pytest.approx(values["cross-entropy"])


def test_a_mass_of_0_mends_the_bent_slice_of_story_6():
    at = step("convex", 4)
    assert not cut(at.example(), at.second_example(), at.losses[0], at.space).below_chord
    without = LossChoice.of("hierarchical", {"mass": 0})
    assert cut(at.example(), at.second_example(), without, at.space).is_convex


@pytest.mark.parametrize(
    "name", ["nobody", "../trees/cifar10", "trees/cifar10.json", "", "a" * 300, "a\0", "pyproject.toml"]
)
def test_a_tree_is_named_and_never_a_file(name):
    with pytest.raises(TreeError, match=r"^There is no tree .*\.$"):
        trees.named(name)


def test_trees_by_name():
    assert trees.named("cifar10").leaves
    assert trees.unbalance_of("lab:unbalanced-3") == 3
    assert trees.unbalance_of("lab:figure-7") is None
    assert all(trees.named(name) for name in trees.titles())


def test_the_page_is_readable_before_torch_is_there():
    code = (
        "import sys; from hierapp.lab import descent, decoding, judgement, landscape, stories, minimizer, views,"
        " saved_views; from hierapp.lab.stories import STORIES; [s.example().z for t in STORIES for s in t.steps];"
        "minimizer.walk(); assert 'torch' not in sys.modules and 'streamlit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
