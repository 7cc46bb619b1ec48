"""What a study file may say, and the sentence for what it may not."""

from __future__ import annotations

import pytest

from hierapp.errors import ConfigError
from hierapp.studies import library, planning, spec
from tests.studies.conftest import CONTENT, study


def test_a_star_stands_for_all_other_groups():
    assert [(pair.first, pair.second) for pair in study().pairs()] == [
        ("hxe", "plain"),
        ("hxe, permuted", "plain"),
        ("hxe", "hxe, permuted"),
    ]


def test_the_margin_of_the_distance_is_half_a_point_of_random_mistakes():
    distances = study().true_tree.distances("lca-depth")
    assert study().margin("mean_distance") == pytest.approx(0.005 * distances.sum() / 90)
    assert study().margin("accuracy") == 0.005
    assert study(margins={"accuracy": 0.02}).margin("accuracy") == 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": CONTENT["groups"] * 2}, "same name"),
        ({"comparisons": ({"first": "nobody", "second": "plain"},)}, "'nobody'"),
        ({"comparisons": ({"first": "hxe", "second": "*"},)}, "'\\*'"),
        ({"tuning_seeds": (3,)}, "one of the 12 test seeds"),
        ({"tuning_seeds": ()}, "no tuning seeds"),
        ({"decoders": ("leaf", "guess")}, "guess"),
        ({"decoders": ("leaf", "climb-0"), "tested": ("leaf",)}, "climb-0"),
        ({"tested": ("top-down", "min-cost")}, "min-cost"),
        ({"seeds": 0}, "seeds"),
        ({"name": "No Name"}, "name"),
        ({"margin": {}}, "margin"),
        ({"groups": ()}, "groups"),
    ],
)
def test_a_study_that_cannot_be_is_refused_in_a_sentence(change, words):
    with pytest.raises(ConfigError, match=words) as raised:
        study(**change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"), [("title =", "not TOML"), ('title = "a"', "question"), (b"\xff", "not TOML")]
)
def test_a_file_that_is_no_study_is_refused(text, words, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=words):
        library.find(str(file))


def test_a_file_that_is_not_there_and_an_unknown_name_are_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        library.find(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="controls"):
        library.find("nothing")


def test_a_file_has_its_stem_as_name_and_trees_beside_it(tmp_path):
    (tmp_path / "own.csv").write_text(
        "parent,child\nroot,even\nroot,odd\n"
        + "".join(f"{'odd' if digit % 2 else 'even'},{digit}\n" for digit in range(10))
    )
    (tmp_path / "mine.toml").write_text(
        'title = "a"\nquestion = "b"\ndata = "digits"\ntree = "own.csv"\nseeds = 2\n'
        '[[groups]]\nname = "plain"\nloss = "cross-entropy"\n'
    )
    found = library.find(str(tmp_path / "mine.toml"))
    assert found.name == "mine"
    assert "even" in found.true_tree.nodes
    assert planning.test_runs(found, {"plain": {}})[0].tree == found.true_tree


def test_every_study_that_ships_loads_and_is_paired_as_the_protocol_says():
    studies = library.shipped()
    assert {"cifar100-features", "controls", "head-and-weights", "newsgroups", "abalone", "fronts"} <= studies.keys()
    for name, found in studies.items():
        assert found.seeds == 15, name
        assert found.tuning_seeds == (1000, 1001)
        assert found.true_tree.leaves
        for group in found.groups:
            spec.tree_library.load(group.tree or "digits")


def test_the_control_of_soft_labels_has_their_mass_off_the_true_class():
    import torch

    from hierapp import make_loss

    controls = library.shipped()["controls"]
    tree, smoothed = controls.true_tree, {group.name: group.training for group in controls.groups}
    for beta in (10, 20):
        loss = make_loss("soft-labels", tree, beta=float(beta), reduction="none")
        # The gradient at zero logits is the uniform distribution minus the target.
        logits = torch.zeros(100, 100, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss(logits, torch.arange(100)).sum(), logits)
        off = 1 - (0.01 - gradient.diagonal())
        share = smoothed[f"label smoothing, mass of beta {beta}"]["label_smoothing"]
        assert share * 0.99 == pytest.approx(off.mean().item(), abs=1e-4)
