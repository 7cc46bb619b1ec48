"""Arguments that are no classes, counts or log-probabilities are refused; whole numbers of any type are classes."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from hierapp import LabelTree
from hierapp.decoding import climb_threshold, decode, decode_set
from hierapp.decoding.decoders import DECODERS, decode_probabilities, leaf_risks
from hierapp.errors import ConfigError
from hierapp.metrics import confusion_matrix, operating_curve, probability_report, report
from hierapp.metrics.confusion import mean_distance, sparse_confusion_matrix
from hierapp.metrics.probabilities import node_report

TREE = LabelTree.from_edges([("r", "a"), ("r", "v"), ("a", "cat"), ("a", "dog"), ("v", "bus"), ("v", "van")])
P = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
NO_CLASSES = {
    "scores": [0.2, 0.9, 0.7],
    "nan": [0, 1, math.nan],
    "infinity": [0, 1, math.inf],
    "names": ["cat", "dog", "cat"],
    "none": [0, 1, None],
    "complex": [0, 1, 1j],
    "huge": [0, 1, 1e300],
    "tensor of scores": torch.tensor([0.0, 0.5, 1.0]),
}


@pytest.mark.parametrize("wrong", NO_CLASSES.values(), ids=NO_CLASSES)
def test_what_is_no_list_of_classes_is_refused_everywhere(wrong: object) -> None:
    right = [0, 1, 1]
    log_p = np.log(P[[0, 1, 1]])
    for call in (
        lambda: confusion_matrix(right, wrong, 4),
        lambda: confusion_matrix(wrong, right, 4),
        lambda: sparse_confusion_matrix(right, wrong, 4),
        lambda: probability_report(log_p, wrong, TREE),
        lambda: node_report(wrong, right, TREE),
        lambda: node_report(right, wrong, TREE),
        lambda: operating_curve(log_p, wrong, TREE),
        lambda: climb_threshold(log_p, wrong, TREE),
    ):
        with pytest.raises(ConfigError, match=r"^Expected (classes|nodes|targets) as integers"):
            call()


@pytest.mark.parametrize(
    "classes",
    [[0, 1, 1], [0.0, 1.0, 1.0], np.array([0, 1, 1], np.uint8), torch.tensor([0, 1, 1]), torch.tensor([0.0, 1.0, 1.0])],
    ids=lambda classes: str(getattr(classes, "dtype", type(classes[0]).__name__)) if len(classes) else "",
)
def test_whole_numbers_of_any_type_are_classes(classes: object) -> None:
    assert confusion_matrix([0, 0, 1], classes, 2).tolist() == [[1, 1], [0, 1]]


def test_no_classes_at_all() -> None:
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "2"])
def test_a_number_of_classes_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(ConfigError, match="number of classes"):
        confusion_matrix([0], [0], size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (np.full((4, 4), math.nan), "NaN"),
        (np.full((4, 4), math.inf), "NaN or infinite"),
        (np.eye(4) * 0.7 + 0.075, "fractions, such as rates; give the counts"),
        (-np.eye(4), "negative entries"),
        (np.eye(3), "shape"),
        (np.full((4, 4), "1"), "of <U1"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(counts: np.ndarray, said: str) -> None:
    for call in (report, mean_distance):
        with pytest.raises(ConfigError, match=said):
            call(counts, TREE)


def test_counts_may_be_floating() -> None:
    assert report(np.eye(4), TREE) == report(np.eye(4, dtype=int), TREE)


NO_LOGS = {
    "probabilities": P,
    "logits": P * 9,
    "nan": np.full((2, 4), math.nan),
    "one nan": np.log(P) * [[1, 1, 1, 1], [1, 1, math.nan, 1]],
    "all masked": np.full((2, 4), -math.inf),
    "infinity": np.array([[math.inf, 0, 0, 0]] * 2),
    "logs to base 2": np.log2(P),
}


@pytest.mark.parametrize("wrong", NO_LOGS.values(), ids=NO_LOGS)
def test_what_are_no_log_probabilities_is_refused_by_every_decoder_alike(wrong: np.ndarray) -> None:
    said = "Expected log-probabilities, whose exponentials sum to 1 in each row"
    with pytest.raises(ConfigError, match=said):
        probability_report(wrong, [0, 1], TREE)
    rows = torch.tensor(wrong)
    for rule in DECODERS:
        with pytest.raises(ConfigError, match=said):
            decode(rows, TREE, rule)
        with pytest.raises(ConfigError, match=said):
            decode(wrong, TREE, rule)
    for call in (
        lambda: leaf_risks(rows, TREE),
        lambda: decode_set(wrong, TREE),
        lambda: climb_threshold(wrong, [0, 1], TREE),
        lambda: operating_curve(wrong, [0, 1], TREE),
    ):
        with pytest.raises(ConfigError, match=said):
            call()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_log_probabilities_of_any_precision_are_taken(dtype: torch.dtype) -> None:
    tree = LabelTree([f"n{i}" for i in range(2001)], [-1] + [0] * 2000)
    logits = torch.randn(8, 2000, generator=torch.Generator().manual_seed(0))
    rows = logits.log_softmax(1).to(dtype)
    assert decode(rows, tree).tolist() == (rows.argmax(1) + 1).tolist()
    probability_report(rows, [0] * 8, tree)


def test_a_masked_class_has_the_log_of_0() -> None:
    rows = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).log()
    found = {rule: TREE.nodes[int(decode(rows, TREE, rule))] for rule in DECODERS}
    # Half a cat and half a dog: an animal costs as few edges, and no class exceeds one half.
    assert found == dict.fromkeys(DECODERS, "cat") | {"min-cost": "a", "climb": "a"}
    assert decode_set(rows, TREE).tolist() == [[False, True, True, True, False, False, False]]
    assert probability_report(rows, [0], TREE)["log_loss"] == pytest.approx(math.log(2))


@pytest.mark.parametrize("wrong", [np.log(P), P * 9, np.full((2, 4), math.nan), np.array([[1.5, -0.5, 0, 0]])], ids=str)
def test_what_are_no_probabilities_is_refused_by_the_decoders_without_torch(wrong: np.ndarray) -> None:
    for call in (*(lambda rule=rule: decode_probabilities(wrong, TREE, rule) for rule in DECODERS),):
        with pytest.raises(ConfigError, match="Expected probabilities, which sum to 1 in each row"):
            call()


def test_a_list_is_no_tensor() -> None:
    with pytest.raises(ConfigError, match="array or a tensor of log-probabilities but got list"):
        decode([[0.0, 0.0]], TREE)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"top": [1.5]}, {"top": []}, {"top": [0]}, {"bins": 2.5}, {"bins": 0}])
def test_options_of_the_probability_report(options: dict) -> None:
    with pytest.raises(ConfigError, match="every k"):
        probability_report(np.log(P), [0, 1], TREE, **options)


def test_metrics_need_no_torch() -> None:
    code = "import sys, hierapp.metrics.probabilities, hierapp.metrics.confusion; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
