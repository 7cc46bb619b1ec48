"""A loss is one file: a made-up one is found by everything that lists losses, without torch until it is made."""

import subprocess
import sys

import pytest
import torch

from hierapp import make_loss
from hierapp.cli.main import parser
from hierapp.errors import ConfigError
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge as judge_in_lab
from hierapp.losses import LOSSES, judge
from hierapp.losses.table import table
from hierapp.training import RunConfig
from tests.losses.literal import RAGGED, settings_of
from tests.made_up_loss import made_up

__all__ = ["made_up"]


def test_the_library_makes_and_judges_it(made_up):
    loss = make_loss("made-up", RAGGED, strength=1)
    value = loss(torch.zeros(1, 4), torch.tensor([0]))
    assert value.item() == pytest.approx(3 / 16 + 9 / 16)
    assert judge("made-up", RAGGED) == loss.propriety
    assert made_up.title == type(loss).spec.title
    with pytest.raises(ConfigError, match="strength of made-up"):
        make_loss("made-up", RAGGED, strength=10)


def test_command_line_lab_table_and_tests_list_it(made_up):
    assert "made-up" in parser().parse_args(["run", "--loss", "made-up"]).loss
    assert "made-up" in next(each for each in _help("run").splitlines() if "made-up" in each)
    assert RunConfig.make(data="digits", tree="digits", loss="made-up").options == {"strength": 2.0}
    word = judge_in_lab(Example.level(RAGGED), LossChoice.of("made-up", {"strength": 1}))
    assert (word.title, word.value) == ("Made-up loss (strength 1)", pytest.approx(0.84375))
    assert "| `made-up` | `strength=2` | L | yes | The Brier score. |" in table(LOSSES.values())
    assert ("made-up", {}) in settings_of(LOSSES)


def _help(command):
    action = next(each for each in parser()._actions if each.choices and command in each.choices)
    return action.choices[command].format_help()


def test_all_losses_are_listed_without_torch():
    code = "import sys; from hierapp.losses import LOSSES; assert len(LOSSES) > 10; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
