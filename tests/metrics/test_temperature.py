"""Temperature scaling against a general minimizer, and on outputs whose temperature is known."""

import numpy as np
import pytest
import torch

from hierapp.errors import ConfigError
from hierapp.metrics import fit_temperature, with_temperature


def drawn(seed, count=4000, classes=6):
    """Log-probabilities, and targets drawn from them."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(classes, 0.5), count) + 1e-6
    p /= p.sum(1, keepdims=True)
    return np.log(p), (p.cumsum(1) > generator.random((count, 1))).argmax(1)


def loss(log_p, target, temperature):
    return -with_temperature(log_p, temperature)[np.arange(len(target)), target].mean()


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found_again(true):
    log_p, target = drawn(0)
    # A network that divides its logits by too small a temperature is overconfident.
    found = fit_temperature(with_temperature(log_p, 1 / true), target)
    assert found == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_scipy_finds_the_same_minimum(seed):
    from scipy.optimize import minimize_scalar

    log_p, target = drawn(seed, 200)
    log_p = with_temperature(log_p, 0.3)
    theirs = minimize_scalar(
        lambda t: loss(log_p, target, t), bounds=(0.05, 50), method="bounded", options={"xatol": 1e-9}
    )
    assert fit_temperature(log_p, target) == pytest.approx(theirs.x, rel=1e-5)
    assert fit_temperature(torch.tensor(log_p), torch.tensor(target)) == pytest.approx(theirs.x, rel=1e-5)


def test_it_lowers_the_calibration_error(monkeypatch):
    from hierapp.metrics.calibration import bin_counts, calibration_error

    log_p, target = drawn(5)
    sharp = with_temperature(log_p, 0.4)
    monkeypatch.setattr("hierapp.metrics.temperature.PART", 1000)
    mended = with_temperature(sharp, fit_temperature(sharp, target))
    before, after = (
        calibration_error(bin_counts(np.exp(rows).max(1), rows.argmax(1) == target)) for rows in (sharp, mended)
    )
    assert after < before / 3


def test_the_ends_of_the_range():
    certain = np.log([[0.9, 0.1], [0.1, 0.9]])
    assert fit_temperature(certain, [0, 1]) == pytest.approx(0.01)
    assert fit_temperature(certain, [1, 0]) == pytest.approx(100)
    masked = torch.tensor([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]).log()
    assert np.isfinite(fit_temperature(masked, [1, 0]))


def test_type_and_kind_stay():
    rows = torch.tensor([[0.9, 0.1]]).log().bfloat16()
    assert with_temperature(rows, 2.0).dtype == torch.bfloat16
    assert with_temperature(np.log(np.float32([[0.9, 0.1]])), 2.0).dtype == np.float32


@pytest.mark.parametrize(
    ("rows", "target", "message"),
    [
        (np.zeros((0, 3)), [], "at least one sample"),
        (np.log([[0.5, 0.5]]), [0, 1], "2 targets"),
        (np.log([[0.5, 0.5]]), [2], "from 0 to 1"),
        (np.zeros((1, 2)), [0], "log_softmax"),
    ],
)
def test_bad_input_is_told(rows, target, message):
    with pytest.raises(ConfigError, match=message):
        fit_temperature(rows, target)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_above_0(temperature):
    with pytest.raises(ConfigError, match="above 0"):
        with_temperature(np.log([[0.5, 0.5]]), temperature)
