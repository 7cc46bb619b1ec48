"""The sentences for runs that fail, from the words of PyTorch and of NVIDIA's libraries."""

from __future__ import annotations

import pytest
import torch

from hierapp.errors import ConfigError
from hierapp.execution.failures import MEMORY, TOO_OLD, describe


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("FIND was unable to find an engine to execute this computation after trying 7 plans"),
        RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"),
    ],
    ids=str,
)
def test_a_want_of_memory_is_told_as_such_whichever_library_meets_it(error):
    assert describe(error) == MEMORY


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("CUDA error: device-side assert triggered\nCUDA kernel errors", "A value on the GPU was out of range,"),
        ("CUDA error: no kernel image is available for execution on the device", "This PyTorch does not support"),
        ("CUDA driver version is insufficient for CUDA runtime version", TOO_OLD),
        ("The NVIDIA driver on your system is too old (found version 11040).", TOO_OLD),
        ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "Another process uses the GPU exclusively;"),
        ("CUDA error: an illegal memory access was encountered\nmore", "The GPU failed (CUDA error: an illegal mem"),
        ("CUDA error: uncorrectable ECC error encountered", "The GPU failed (CUDA error: uncorrectable ECC error"),
        ("CUDA unknown error - this may be due to an incorrectly set up environment", "The GPU failed (CUDA unk"),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "The GPU failed (cuDNN error: CUDNN_STATUS_EXECUTION_FAILED)"),
        # Ours, or a network's of one's own: not the hardware's.
        ("CUDA error: invalid configuration argument", "Training stopped on an unexpected RuntimeError: CUDA error:"),
        ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", "Training stopped on an unexpected RuntimeError: cuDNN error:"),
    ],
)
def test_what_the_gpu_says_becomes_a_sentence_on_what_to_do(words, sentence):
    told = describe(RuntimeError(words))
    assert told.startswith(sentence)
    assert told.endswith(".")
    assert "\n" not in told


def test_words_on_memory_in_what_is_no_fault_of_the_hardware_mislead_nobody():
    assert (
        describe(ConfigError("The class 'out of memory' is there twice."))
        == "The class 'out of memory' is there twice."
    )
    assert describe(KeyError("out of memory")).startswith(
        "Training stopped on an unexpected KeyError: 'out of memory';"
    )


def test_a_long_word_of_a_library_is_cut():
    told = describe(RuntimeError(f"CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublas({'x, ' * 200})`"))
    assert len(told) < 300


def test_an_error_on_the_way_out_does_not_hide_the_want_of_memory():
    later = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    later.__context__ = torch.OutOfMemoryError("CUDA out of memory.")
    assert describe(later) == MEMORY
