"""Called while the image is built, with cpu or cuda: whether the torch that pip chose is the one that was asked for."""

import sys

import torch


def problem(wanted: str, cuda: str | None) -> str | None:
    """Return what is wrong with a torch that has CUDA of this version, or None."""
    if wanted not in ("cpu", "cuda"):
        return f"Expected the build argument TORCH to be cpu or cuda but got {wanted!r}."
    if wanted == "cuda" and cuda is None:
        return "TORCH=cuda, but this torch has no CUDA; set TORCH_INDEX to an index with builds that have it."
    return None


if __name__ == "__main__":
    message = problem(sys.argv[1], torch.version.cuda)
    if message is None and sys.argv[1] == "cpu" and torch.version.cuda:
        print(
            "This torch has CUDA, which runs on a CPU too but takes some 5 GB more: pip's index has no CPU build for"
            " this machine. TORCH_INDEX may name an index that has one."
        )
    sys.exit(message)
