"""Describe the failure of a run in one sentence: the cause, including hardware faults, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hierapp.errors import HierappError

MEMORY = (
    "The run needs more memory than the device has free; make the batch or the model smaller, or run fewer at once."
)
TOO_OLD = (
    "The NVIDIA driver is too old for this PyTorch; update the driver, install a PyTorch build for an older CUDA"
    " version, or choose the device cpu."
)
# Error messages of PyTorch and NVIDIA's libraries, and the sentence to show; the first match is used.
_SENTENCES: tuple[tuple[str, str], ...] = (
    # Without memory for a handle, cuBLAS reports that it is not initialized, and cuDNN that it finds no algorithm.
    (
        "out of memory|can't allocate memory|ALLOC_FAILED|ALLOCATION_FAILED|CUBLAS_STATUS_NOT_INITIALIZED"
        "|unable to find an engine|unable to find a valid cuDNN algorithm",
        MEMORY,
    ),
    (
        "device-side assert",
        "A value on the GPU was out of range, for example a class for which the network has no output; run it on the"
        " device cpu, where the log shows the location.",
    ),
    (
        "no kernel image is available",
        "This PyTorch does not support this GPU; install a build that does, or choose the device cpu.",
    ),
    ("driver version is insufficient|driver on your system is too old|unsupported toolchain", TOO_OLD),
    (
        "busy or unavailable",
        "Another process uses the GPU exclusively; wait for it, or let several processes share the GPU (nvidia-smi"
        " --compute-mode=0).",
    ),
)
# After these errors the process cannot use the GPU any more; a new process often can.
_GPU = re.compile(
    "illegal memory access|misaligned address|unspecified launch failure|launch timed out|uncorrectable ECC"
    "|CUDA unknown error|error: unknown error|GPU is lost|fallen off the bus|EXECUTION_FAILED|INTERNAL_ERROR"
)
LONGEST = 120  # characters quoted from an error message


def describe(error: Exception) -> str:
    """Return one sentence for the user; the traceback is in the log."""
    if isinstance(error, HierappError):
        return str(error)
    # Cleanup after an out-of-memory error may fail as well and hide it; so look at the causes.
    if any(isinstance(each, MemoryError) or type(each).__name__ == "OutOfMemoryError" for each in _with_causes(error)):
        return MEMORY
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, RuntimeError):
        for words, sentence in _SENTENCES:
            if re.search(words, first, re.IGNORECASE):
                return sentence
        if _GPU.search(first):
            return (
                f"The GPU failed ({first[:LONGEST].rstrip('.')}); resume the run, which continues from its last"
                " checkpoint, and if it fails again, check the GPU with nvidia-smi."
            )
    return f"Training stopped on an unexpected {type(error).__name__}: {first}; the run's log has the details."


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its chain of causes and contexts."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
