"""What a run says that fails: one sentence on what was wrong and what to do, for faults of the hardware too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hierapp.errors import HierappError

MEMORY = (
    "The run needs more memory than the device has free; make the batch or the model smaller, or let fewer runs go at"
    " once."
)
TOO_OLD = (
    "The NVIDIA driver is too old for this PyTorch; update the driver, install a PyTorch for an older CUDA, or choose"
    " the device cpu."
)
# What PyTorch and NVIDIA's libraries write, and the sentence for it; the first that is found counts.
_SENTENCES: tuple[tuple[str, str], ...] = (
    # Without memory for a handle the matrix library says that it is not initialised, and the one for convolutions that
    # none of its ways works.
    (
        "out of memory|can't allocate memory|ALLOC_FAILED|ALLOCATION_FAILED|CUBLAS_STATUS_NOT_INITIALIZED"
        "|unable to find an engine|unable to find a valid cuDNN algorithm",
        MEMORY,
    ),
    (
        "device-side assert",
        "A value on the GPU was out of its range, as a class is for which the network has no output; run it with the"
        " device cpu, where the log names the place.",
    ),
    (
        "no kernel image is available",
        "This PyTorch was not built for a GPU of this kind; install one that was, or choose the device cpu.",
    ),
    ("driver version is insufficient|driver on your system is too old|unsupported toolchain", TOO_OLD),
    (
        "busy or unavailable",
        "Another process has the GPU for itself; wait for it, or let several share the GPU"
        " (nvidia-smi --compute-mode=0).",
    ),
)
# After these the process can use the GPU no more, but the next one often can.
_GPU = re.compile(
    "illegal memory access|misaligned address|unspecified launch failure|launch timed out|uncorrectable ECC"
    "|CUDA unknown error|error: unknown error|GPU is lost|fallen off the bus|EXECUTION_FAILED|INTERNAL_ERROR"
)
LONGEST = 120  # characters of what the GPU's libraries say


def describe(error: Exception) -> str:
    """One sentence for the user; the log has the traceback."""
    if isinstance(error, HierappError):
        return str(error)
    # What runs out of memory may leave things so that whoever cleans up after it fails, too.
    if any(isinstance(each, MemoryError) or type(each).__name__ == "OutOfMemoryError" for each in _with_causes(error)):
        return MEMORY
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, RuntimeError):
        for words, sentence in _SENTENCES:
            if re.search(words, first, re.IGNORECASE):
                return sentence
        if _GPU.search(first):
            return (
                f"The GPU gave up ({first[:LONGEST].rstrip('.')}); resume the run, which goes on from its last"
                " checkpoint, and if that happens again, look at the GPU with nvidia-smi."
            )
    return f"Training stopped on an unexpected {type(error).__name__}: {first}; the run's log has the details."


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that were being handled when it came."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
