"""A loss in one file, which a test adds to the package."""

import sys

import pytest

import hierapp.losses
from hierapp.losses import LOSSES
from hierapp.losses.registry import collect

MADE_UP = '''
from hierapp.losses.base import FlatLoss
from hierapp.losses.propriety import Propriety
from hierapp.losses.spec import LossSpec
from hierapp.utils.options import Option


class Brier(FlatLoss):
    """Brier score: strength * the squared distance to the one-hot target."""

    spec = LossSpec(
        name="made-up",
        title="Made-up loss",
        summary="The Brier score.",
        formula=r"\\sum_c (p_c - [c = y])^2",
        source="Brier 1950",
        judge=lambda tree, options: Propriety(options["strength"] > 0, "The Brier score is proper."),
        proper="yes",
        options=(Option("strength", 2.0, "a factor", low=0.0, high=9.0),),
    )

    def __init__(self, tree, strength=2.0, **shared):
        super().__init__(tree, **shared)
        self.strength = strength
        self.plain_propriety = Propriety(strength > 0, "The Brier score is proper.")

    def of_indices(self, logits, target):
        p = logits.softmax(1)
        return self.strength * (p.square().sum(1) - 2 * p.gather(1, target[:, None]).squeeze(1) + 1)
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """One file in a folder that belongs to the package."""
    (tmp_path / "a_made_up_loss.py").write_text(MADE_UP)
    monkeypatch.setattr(hierapp.losses, "__path__", [*hierapp.losses.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "hierapp.losses.a_made_up_loss", raising=False)
    for name, spec in collect([str(tmp_path)]).items():
        monkeypatch.setitem(LOSSES, name, spec)
    return LOSSES["made-up"]
