"""Device, precision and determinism."""

from __future__ import annotations

import pytest
import torch

from hierapp.errors import ConfigError
from hierapp.training import device as compute

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_the_best_device_is_chosen_and_an_absent_one_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert compute.choose_device("auto").type == compute.choose_device("cpu").type == "cpu"
    for absent in ("cuda", "mps", "tpu"):
        with pytest.raises(ConfigError) as caught:
            compute.choose_device(absent)
        assert f"'{absent}'" in str(caught.value)
        assert str(caught.value).endswith("choose one of auto, cpu.")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert compute.choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert compute.choose_device("auto").type == "cuda"
    assert compute.choose_device("mps").type == "mps"


def test_auto_takes_half_precision_only_where_the_hardware_is_made_for_it(monkeypatch):
    for amx, numbers, expected in (
        (True, compute.SMALL_BATCH, "bfloat16"),
        (True, compute.SMALL_BATCH - 1, "float32"),
        (False, 10**6, "float32"),
    ):
        monkeypatch.setattr(compute, "has_amx", lambda amx=amx: amx)
        assert compute.choose_precision("auto", CPU, numbers) == expected
    for native in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert compute.choose_precision("auto", CUDA, 1) == ("bfloat16" if native else "float32")
    assert compute.choose_precision("auto", torch.device("mps"), 10**6) == "float32"
    for wanted in ("float32", "bfloat16"):
        assert compute.choose_precision(wanted, CPU, 1) == wanted


def test_half_precision_is_that_of_matrix_products_only():
    layer, images = torch.nn.Linear(4, 2), torch.ones(1, 4)
    with compute.half("bfloat16", CPU):
        assert layer(images).dtype == torch.bfloat16
    with compute.half("float32", CPU):
        assert layer(images).dtype == torch.float32


@pytest.mark.parametrize(
    ("wanted", "device", "expected"),
    [("auto", CPU, True), ("auto", CUDA, False), ("on", CUDA, True), ("off", CPU, False)],
)
def test_determinism_is_on_by_default_on_a_cpu_and_leaves_no_trace(monkeypatch, wanted, device, expected):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with compute.determinism(wanted, device) as on:
        assert on == expected == torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.benchmark != on
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_the_search_for_algorithms_stays_off_once_it_is_disabled(monkeypatch):
    monkeypatch.setattr(compute, "_may_search", True)
    compute.disable_algorithm_search()
    with compute.determinism("off", CUDA):
        assert not torch.backends.cudnn.benchmark
