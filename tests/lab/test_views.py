import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings, strategies as st

from hierapp import LabelTree, losses
from hierapp.errors import StoreError
from hierapp.lab import saved_views, trees, url_codec, views
from hierapp.lab.choices import DecoderChoice, LossChoice
from hierapp.lab.example import Example, on_slider
from hierapp.lab.stories import STORIES
from hierapp.lab.url_codec import pack_logits, pack_tree, unpack_logits, unpack_tree
from hierapp.lab.views import State, fits, from_params, start, to_params
from hierapp.trees import library as tree_library
from tests.strategies import named_trees

PLACES = [(None, 1), *((each.id, number) for each in STORIES for number in range(1, len(each.steps) + 1))]
NAMES = [*trees.titles(), "cifar10", "cifar10-wide", "digits"]

floats = st.floats(0, 50, allow_nan=False)
loss_choices = st.one_of(
    st.sampled_from([LossChoice(name) for name in losses.LOSSES]),
    st.builds(lambda mass, soft: LossChoice.of("hierarchical", {"mass": mass, "soft": soft}), floats, floats),
    st.builds(
        lambda targets, reduction: LossChoice.of("hierarchical", {"targets": targets, "soft_reduction": reduction}),
        st.sampled_from(["path", "leaf"]),
        st.sampled_from(["mean", "sum"]),
    ),
    st.builds(lambda w: LossChoice.of("level-wise", {"weights": w}), st.lists(floats, min_size=1, max_size=4)),
    st.builds(lambda n, a: LossChoice.of("hxe", {"normalize": n, "alpha": a}), st.booleans(), floats),
)
decoder_choices = st.one_of(
    st.sampled_from([DecoderChoice(rule) for rule in ("leaf", "top-down", "min-risk")]),
    st.builds(lambda t: DecoderChoice.of("threshold", {"threshold": t}), st.floats(0, 1)),
    st.builds(
        lambda d: DecoderChoice.of("min-risk", {"distance": d}), st.sampled_from(["edges", "lca-height", "lca-depth"])
    ),
)


@st.composite
def states(draw):
    lesson, step = draw(st.sampled_from(PLACES))
    state = start(lesson, step)
    way = draw(st.sampled_from(["as it is", "named", "inline"]))
    if way == "named":
        name = draw(st.sampled_from(NAMES))
        state = state.on_tree(trees.named(name), name)
    elif way == "inline":
        state = state.on_tree(draw(named_trees(st.text(min_size=1, max_size=6).filter(str.strip))), None)
    tree, slider = state.example.tree, st.floats(-10, 10).map(on_slider)
    far = st.floats(-10_000, 10_000).map(on_slider)
    for node in draw(st.lists(st.integers(1, len(tree.nodes) - 1), max_size=4)):
        state = replace(state, example=state.example.with_logit(node, draw(st.one_of(slider, far))))
    changed = state.example.with_target(draw(st.integers(0, len(tree.leaves) - 1)))
    point = st.one_of(
        st.none(), st.lists(slider, min_size=len(tree.nodes) - 1, max_size=len(tree.nodes) - 1).map(tuple)
    )
    return replace(
        state,
        example=changed,
        losses=tuple(draw(st.lists(loss_choices, max_size=3))) if draw(st.booleans()) else state.losses,
        decoders=tuple(draw(st.lists(decoder_choices, max_size=3))) if draw(st.booleans()) else state.decoders,
        second=draw(point) if draw(st.booleans()) else state.second,
        third=draw(point) if draw(st.booleans()) else state.third,
        space=draw(st.sampled_from(["logits", "probabilities"])),
    )


@pytest.mark.slow
@settings(max_examples=300)
@given(states())
def test_a_state_goes_to_an_address_and_back(state):
    params = to_params(state)
    opened = from_params(params)
    assert opened.complaints == ()
    assert opened.state == state
    assert set(params) <= set(views.PARAMETERS)
    # As a browser would carry it.
    assert all(isinstance(value, str) for value in params.values())


@pytest.mark.parametrize(("lesson", "step"), PLACES)
def test_a_permalink_of_a_step_is_its_name_alone(lesson, step):
    assert to_params(start(lesson, step)) == ({} if lesson is None else {"lesson": lesson, "step": str(step)})


@given(st.lists(st.floats(-10_000, 10_000), min_size=1, max_size=6))
def test_logits_are_exact_to_the_sliders_step(logits):
    back = unpack_logits(pack_logits(logits, [0.0] * len(logits)), [0.0] * len(logits))
    assert back == pytest.approx(logits, abs=0.00501)
    assert unpack_logits(pack_logits(back, [0.0] * len(logits)), [0.0] * len(logits)) == back
    assert unpack_logits(pack_logits(logits, logits), logits) == tuple(logits)


def test_addresses_are_short():
    state = start().on_tree(trees.named("cifar10"), "cifar10")
    moved = replace(state, example=Example.random(state.example.tree, 0))
    assert len(str(to_params(moved))) < 120
    large = tree_library.load("cifar100")
    inline = replace(start().on_tree(large, None), example=Example.random(large, 0))
    assert not fits({**to_params(inline), "nodes": "x" * 2000})
    assert fits(to_params(start("convex", 3)))


texts = st.one_of(
    st.text(max_size=30), st.sampled_from(["", "__", "~AAAA", "cifar10", "hierarchical:mass", "!", ":", "-1", "١"])
)


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from(views.PARAMETERS), texts))
@example({"lesson": "cat-truck", "step": "99999999999999999999"})
@example({"loss": "hierarchical:mass=nan"})
@example({"loss": "level-wise:weights=,"})
@example({"decoder": "threshold:threshold=nan"})
@example({"nodes": "eJwDAAAAAAE"})
@example({"tree": "../../etc/passwd"})
@example({"tree": "\udcff"})
@example({"x": "~____" * 6})
def test_a_mangled_address_never_fails(params):
    opened = from_params(params)
    assert isinstance(opened.state, State)
    assert all(sentence.endswith(".") and len(sentence) < 500 for sentence in opened.complaints)
    # What came out is a state like any other.
    assert from_params(to_params(opened.state)).state == opened.state


@pytest.mark.slow
@settings(max_examples=200)
@given(states(), st.data())
def test_an_address_with_one_letter_changed_never_fails(state, data):
    params = to_params(state)
    if not params:
        return
    key = data.draw(st.sampled_from(sorted(params)))
    place = data.draw(st.integers(0, len(params[key])))
    params[key] = params[key][:place] + data.draw(st.text(max_size=2)) + params[key][place + 1 :]
    from_params(params)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"lesson": "nobody"}, "There is no story 'nobody'"),
        ({"lesson": "convex", "step": "9"}, "there is no step 9"),
        ({"lesson": "convex", "step": "two"}, "not a valid step number"),
        ({"tree": "nobody"}, "There is no tree 'nobody'"),
        ({"nodes": "AAAA"}, "broken or truncated"),
        ({"y": "zebra"}, "no class 'zebra'"),
        ({"x": "AA"}, "do not fit the tree"),
        ({"x": "??" * 7}, "The logits in the address"),
        ({"space": "time"}, "one of logits, probabilities"),
        ({"loss": "nobody"}, "Unknown loss 'nobody'"),
        ({"loss": "hierarchical:mass=-1"}, "mass of hierarchical"),
        ({"decoder": "threshold:threshold=2"}, "threshold of the decoder threshold"),
    ],
)
def test_a_mangled_part_gives_the_default_and_a_sentence(params, sentence):
    opened = from_params(params)
    (complaint,) = opened.complaints
    assert sentence in complaint
    assert opened.state == start()
    # The rest of the address holds.
    assert from_params({"loss": "conditional"} | params).state.losses == (
        start().losses if "loss" in params else (LossChoice("conditional"),)
    )


def test_a_lost_tree_takes_its_logits_and_class_along():
    opened = from_params({"tree": "gone", "x": "AAAA", "y": "zebra", "loss": "conditional"})
    assert len(opened.complaints) == 1
    assert opened.state == replace(start(), losses=(LossChoice("conditional"),))


def test_a_small_address_that_unpacks_to_much_is_refused():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(b"[" * (url_codec.MOST_BYTES + 1))).decode()
    assert from_params({"nodes": bomb}).complaints
    deep = base64.urlsafe_b64encode(zlib.compress(b"[" * 50_000 + b"]" * 50_000)).decode()
    assert from_params({"nodes": deep}).complaints


@given(named_trees(st.text(min_size=1, max_size=10).filter(str.strip)))
def test_trees_go_to_an_address_and_back(tree):
    assert unpack_tree(pack_tree(tree)) == tree


def test_another_tree_over_the_same_classes_keeps_what_the_network_said():
    semantic, wide = trees.named("cifar10"), trees.named("cifar10-wide")
    state = replace(start(), example=Example.random(semantic, 1, target=4), tree_name="cifar10")
    moved = state.on_tree(wide, "cifar10-wide")
    assert moved.example.target_name == state.example.target_name
    before = dict(zip(semantic.leaves, state.example.leaf_probabilities, strict=True))
    after = dict(zip(wide.leaves, moved.example.leaf_probabilities, strict=True))
    assert after == pytest.approx(before, abs=0.01)
    other = state.on_tree(trees.named("digits"), "digits")
    assert set(other.example.logits) == {0.0}


# Saved views.


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return tmp_path


def test_a_saved_view_is_exact_to_the_last_digit():
    tree = LabelTree.from_edges([("root", "ä"), ("root", "b")])
    state = replace(
        start("convex", 2),
        example=Example(tree, (0.123456789012345, -1.0), 1),
        tree_name=None,
        second=(0.1, 1 / 3),
        third=None,
        losses=(LossChoice.of("hierarchical", {"mass": 1 / 3}),),
    )
    kept = saved_views.keep(state, "my view!", "My view")
    assert kept.name == "my-view"
    assert saved_views.load("my-view") == state
    assert saved_views.entries() == (kept,)


def test_a_tree_whose_name_means_another_now_is_kept_with_the_view(home):
    tree = trees.named("lab:figure-7")
    own = tree_library.keep(tree, "mine")
    state = replace(start(), tree_name=own.name)
    saved_views.keep(state, "v")
    assert saved_views.load("v") == state
    tree_library.delete("mine")
    assert saved_views.load("v") == replace(state, tree_name=None)


def test_names_that_are_taken_get_a_number_and_the_same_view_is_kept_once():
    first, other = start(), start("convex", 1)
    assert [saved_views.keep(each, "v").name for each in (first, other, first, other)] == ["v", "v-2", "v", "v-2"]
    assert saved_views.load("v-2") == other
    assert saved_views.keep(first, " ").name == "view"


BROKEN = ["", "{", "[]", "{}", '{"tree": {"names": ["a"], "parents": [-1]}}', "[" * 100_000, "\x00\xff"]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_told_and_never_overwritten(content, home):
    file = home / "views" / "v.json"
    file.parent.mkdir()
    file.write_text(content, encoding="latin-1")
    with pytest.raises(StoreError, match=r"^The saved view 'v' is broken \(.*\); it was left unchanged\.$"):
        saved_views.load("v")
    (entry,) = saved_views.entries()
    assert "broken" in entry.problem
    assert saved_views.keep(start(), "v").name == "v-2"
    assert file.read_text(encoding="latin-1") == content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("logits", [0.0]),
        ("logits", "0000000"),
        ("true", "zebra"),
        ("params", {"loss": "nobody"}),
        ("second", [0.0]),
        ("logits", [None] * 7),
        ("logits", [1e400] * 7),
        ("tree", {"name": 1, "names": ["a", "b"], "parents": [0, 0]}),
    ],
)
def test_a_view_with_a_wrong_part_is_told(key, value, home):
    saved_views.keep(start(), "v")
    file = home / "views" / "v.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), key: value}), encoding="utf-8")
    with pytest.raises(StoreError, match=r"is broken \(.*\.$"):
        saved_views.load("v")


@pytest.mark.parametrize("name", ["nobody", "../v", "", "a" * 300, "\0"])
def test_a_view_that_is_not_there(name):
    with pytest.raises(StoreError, match=r"^There is no saved view .*\.$"):
        saved_views.load(name)


def test_a_folder_that_cannot_be_written_is_told(home):
    (home / "views").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be saved in .*\.$"):
        saved_views.keep(start(), "v")
