"""One new file makes a loss, a decoder, a metric, a network or a data set: everything else finds them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp.data import registry as datasets
from hierapp.decoding import decoders
from hierapp.metrics import registry as metrics
from hierapp.training.models import registry as networks
from tests.made_up_loss import MADE_UP

ROOT = Path(__file__).parents[1]
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
MODEL = """
"A linear classifier of images."

from hierapp.training.models.entry import ModelEntry


def build(shape, num_outputs):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))


MODEL = ModelEntry("made-up", "Made-up network", "one linear layer", build, 10_000, parameters=30_730)
"""
DATASET = """
"Noise in the classes of the digits."

import numpy as np

from hierapp.data.dataset import Dataset


def read(dataset, part, folder):
    labels = np.arange(dataset.train_size if part == "train" else dataset.test_size) % 10
    return np.zeros((len(labels), 9, 9, 1), np.uint8), labels


DATASET = Dataset(
    name="made-up", title="Made-up data", summary="nothing, 9 × 9", class_names=tuple("0123456789"),
    image_shape=(9, 9, 1), train_size=40, test_size=20, default_tree="digits", source="Nobody.", read=read,
)
"""
SCRIPT = """
import json
import sys
import numpy as np
from hierapp.analysis import comparison, reevaluation
from hierapp.cli.main import parser
from hierapp.data import registry as datasets
from hierapp.decoding import DECODERS, decode, decoders
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice, LossChoice
from hierapp.lab.decoding import decide
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.losses import LOSSES, table as losses
from hierapp.metrics import evaluate, registry
from hierapp.training.models import registry as models
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree
from pages.compare import outputs
from pages.lab import controls
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

torch_before = "torch" in sys.modules
tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
p = np.array([[0.2, 0.3, 0.5]], np.float32)
stored = Outputs.of(p, np.array([2]), tree.leaves, "digits", 1)
decision = decide(Example.random(tree, 0), DecoderChoice.of("made-up", {"shift": "0.5"}))
judgement = judge(Example.level(tree), LossChoice("made-up"))

app = AppTest.from_file("app.py", default_timeout=240)
for name in ("data", "loss", "model"):
    app.query_params[name] = "made-up"
app._page_hash = calc_hash("train")
app.run()


def options(command, option):
    choices = parser(command)._subparsers._group_actions[0].choices[command]._actions
    return next(action.help for action in choices if action.dest == option)


def parametrized(test, name="made-up"):
    return any(name in values for values in (list(mark.args[1]) for mark in test.pytestmark if mark.args))


from hierapp.training import RunConfig, networks
from hierapp.losses import make_loss
from tests.data import test_registry as data_tests
from tests.decoding import test_decoders as decoder_tests
from tests.losses import test_interface as loss_tests
from tests.training import test_models as model_tests

data_tests.test_every_entry_is_consistent("made-up")
model_tests.test_each_takes_any_image_and_any_width_of_head("made-up", (8, 8, 1), 10)
train = datasets.load("made-up", "train")
config = RunConfig.make(data="made-up", tree="digits", loss="made-up", model="made-up")
from hierapp.trees import library

network = networks.build(config, (9, 9, 1), make_loss("made-up", library.load("digits")), train.images)
print(json.dumps({
    "decode": tree.nodes[decode(np.log(p), tree, "made-up")[0]],
    "lab": ["made-up" in [choice.rule for choice in EVERY_DECODER], judgement.title],
    "arithmetic": decision.summary.startswith("The prediction is "),
    "torch for the lists": torch_before,
    "form": [next(field.value for field in app.selectbox if field.key == key) for key in ("data", "model")],
    "losses of the form": app.multiselect(key="loss").value,
    "faults of the form": [fault.value for fault in app.exception],
    "forms of decoders": "made-up" in outputs.DECODERS and controls.DECODERS is outputs.DECODERS,
    "compare": reevaluation.reevaluate(stored, tree, "made-up", shift=1.0)["accuracy"],
    "command line": [
        "made-up" in options("compare", "decoder"),
        *("made-up" in options("run", option) for option in ("data", "loss", "model")),
    ],
    "parametrized tests": [
        parametrized(test) for test in (
            decoder_tests.test_many_samples_are_decoded_in_chunks,
            loss_tests.test_the_spec_is_that_of_the_class_and_its_defaults_too,
            data_tests.test_every_entry_is_consistent,
            model_tests.test_each_takes_any_image_and_any_width_of_head,
        )
    ],
    "tables": [
        decoders.table().splitlines()[-1], registry.table().splitlines()[-1], datasets.table().splitlines()[-1],
        models.table("images").splitlines()[-1],
        next(row for row in losses.table(LOSSES.values()).splitlines() if "made-up" in row),
    ],
    "metric": evaluate(np.log(p), [2], tree)["made_up"],
    "title": comparison.title("made_up"),
    "logits": list(network(train.images[:2]).shape),
}))
"""


def linked(source: Path, to: Path, inside: list[Path]) -> None:
    """Make a folder with links to the parts of another one; the folders `inside` are folders of links, too."""
    to.mkdir()
    for each in source.iterdir():
        deeper = [folder.relative_to(each.name) for folder in inside if folder.parts[:1] == (each.name,)]
        if deeper:
            linked(each, to / each.name, deeper)
        elif each.name != "__pycache__":
            (to / each.name).symlink_to(each)


# The folders in which one file makes something, and a file for each.
FILES = {
    "hierapp/losses/a_made_up_loss.py": MADE_UP,
    "hierapp/decoding/rules/made_up.py": DECODER,
    "hierapp/metrics/measures/zz_made_up.py": METRIC,
    "hierapp/training/models/shipped/made_up.py": MODEL,
    "hierapp/data/shipped/made_up.py": DATASET,
}


@pytest.mark.slow
def test_a_loss_a_decoder_a_metric_a_network_and_a_data_set_from_one_file_each_are_found_everywhere(tmp_path):
    copy = tmp_path / "copy"
    linked(ROOT, copy, [Path(file).parent for file in FILES])
    for file, text in FILES.items():
        (copy / file).write_text(text)
    environment = os.environ | {"PYTHONPATH": str(copy), "HIERAPP_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "decode": "truck",
        "lab": [True, "Made-up loss"],
        "arithmetic": True,
        "torch for the lists": False,
        "form": ["made-up", "made-up"],
        "losses of the form": ["made-up"],
        "faults of the form": [],
        "forms of decoders": True,
        "compare": 1.0,
        "command line": [True] * 4,
        "parametrized tests": [True] * 4,
        "tables": [
            "| `made-up` | a made-up one | argmax P + shift | `shift` (0.25) | nobody |",
            "| `made_up` | a made-up metric |  |  |",
            "| `made-up` | nothing, 9 × 9 | 60 | 10 |",
            "| `made-up` | one linear layer | 0.0307 million |",
            "| `made-up` | `strength=2` | L | yes | The Brier score. |",
        ],
        "metric": 2.0,
        "title": "a made-up metric",
        "logits": [2, 10],
    }


def test_the_tables_of_the_documentation_are_those_of_the_specifications():
    assert decoders.table() in (ROOT / "docs" / "decoders.md").read_text()
    assert metrics.table() in (ROOT / "docs" / "metrics.md").read_text()
    assert datasets.table() in (ROOT / "docs" / "data.md").read_text()
    for kind in networks.DEFAULT:
        assert networks.table(kind) in (ROOT / "docs" / "training.md").read_text()
