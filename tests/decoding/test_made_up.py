"""One new file makes a decoder, and one a metric: everything else finds them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp.decoding import decoders
from hierapp.metrics import registry

ROOT = Path(__file__).parents[2]
DECODER = '''
"""The first leaf below the most probable child of the root."""

from hierapp.decoding.spec import DecoderSpec
from hierapp.utils.options import Option


def predict(rows, shift):
    return rows.leaves_at((rows.p + shift).argmax(1))


DECODER = DecoderSpec(
    name="made-up", title="a made-up one", formula="argmax P + shift", source="nobody", predict=predict,
    leaves_only=True, options=(Option("shift", 0.25, "added to every probability"),),
)
'''
METRIC = '''
"""The number of samples, twice."""

import numpy as np

from hierapp.metrics.spec import MetricSpec

METRICS = (MetricSpec("made_up", "a made-up metric", "", None, ".1f"),)


def compute(given):
    return {"made_up": 2.0 * len(np.asarray(given.target))}
'''
SCRIPT = """
import json
import numpy as np
from hierapp.analysis import comparison, reevaluation
from hierapp.cli.main import parser
from hierapp.decoding import DECODERS, decode, decoders
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice
from hierapp.lab.decoding import decide
from hierapp.lab.example import Example
from hierapp.metrics import evaluate, registry
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree
from pages.compare import outputs
from pages.lab import controls

tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
p = np.array([[0.2, 0.3, 0.5]], np.float32)
stored = Outputs.of(p, np.array([2]), tree.leaves, "digits", 1)
decision = decide(Example.random(tree, 0), DecoderChoice.of("made-up", {"shift": "0.5"}))
print(json.dumps({
    "decode": tree.nodes[decode(np.log(p), tree, "made-up")[0]],
    "lab": "made-up" in [choice.rule for choice in EVERY_DECODER],
    "arithmetic": decision.summary,
    "forms": "made-up" in outputs.DECODERS and controls.DECODERS is outputs.DECODERS,
    "compare": reevaluation.reevaluate(stored, tree, "made-up", shift=1.0)["accuracy"],
    "command line": "made-up" in next(
        action.help for action in parser("compare")._subparsers._group_actions[0].choices["compare"]._actions
        if action.dest == "decoder"
    ),
    "tables": [decoders.table().splitlines()[-1], registry.table().splitlines()[-1]],
    "metric": evaluate(np.log(p), [2], tree)["made_up"],
    "title": comparison.title("made_up"),
}))
"""


def linked(source: Path, to: Path, inside: tuple[str, ...]) -> None:
    """Make a folder with links to the parts of another one; those `inside` are folders of links, too."""
    to.mkdir()
    for each in source.iterdir():
        if inside and each.name == inside[0]:
            linked(each, to / each.name, inside[1:])
        elif each.name != "__pycache__" and not (to / each.name).exists():
            (to / each.name).symlink_to(each)


@pytest.mark.slow
def test_a_decoder_and_a_metric_from_one_file_each_are_found_everywhere(tmp_path):
    copy = tmp_path / "copy"
    linked(ROOT, copy, ("hierapp", "decoding", "rules"))
    (copy / "hierapp" / "metrics").unlink()
    linked(ROOT / "hierapp" / "metrics", copy / "hierapp" / "metrics", ("measures",))
    (copy / "hierapp" / "decoding" / "rules" / "made_up.py").write_text(DECODER)
    (copy / "hierapp" / "metrics" / "measures" / "zz_made_up.py").write_text(METRIC)
    environment = os.environ | {"PYTHONPATH": str(copy), "HIERAPP_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "decode": "truck",
        "lab": True,
        "arithmetic": json.loads(done.stdout)["arithmetic"],
        "forms": True,
        "compare": 1.0,
        "command line": True,
        "tables": [
            "| `made-up` | a made-up one | argmax P + shift | `shift` (0.25) | nobody |",
            "| `made_up` | a made-up metric |  |  |",
        ],
        "metric": 2.0,
        "title": "a made-up metric",
    }
    assert json.loads(done.stdout)["arithmetic"].startswith("The prediction is ")


def test_the_tables_of_the_documentation_are_those_of_the_specifications():
    assert decoders.table() in (ROOT / "docs" / "decoders.md").read_text()
    assert registry.table() in (ROOT / "docs" / "metrics.md").read_text()
