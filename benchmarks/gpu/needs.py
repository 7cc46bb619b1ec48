"""What the GPU benchmark needs to be there, and what must be brought along as wheels where nothing can be installed."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
# Taken as they are on the machine: torch and what usually stands beside it.
EXPECTED = (
    "torch", "numpy", "networkx", "scipy", "pandas", "psutil", "safetensors", "scikit-learn", "pillow", "pytest",
    "hypothesis",
)  # fmt: skip
# Wanted, and done without where it is missing: torchvision for ResNets and the DataLoader recipe, NVML for the GPU's
# memory on the status page.
WANTED = ("torchvision", "nvidia-ml-py")
BROUGHT = ("pydantic",)


def main() -> int:
    """Print what is missing here, and the pinned wheels to bring along; 1 if something is missing."""
    missing = [name for name in (*EXPECTED, *BROUGHT) if not installed(name)]
    print("Expected on the machine: " + ", ".join(EXPECTED))
    print("Used if it is there: " + ", ".join(WANTED))
    print("Wheels to bring along where they are missing:")
    for line in wheels():
        print(f"  {line}")
    print(f"Missing here: {', '.join(missing) or 'nothing'}")
    return 1 if missing else 0


def installed(name: str) -> str | None:
    """The version of a distribution, None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def wheels() -> list[str]:
    """pydantic and what it needs in turn, pinned as the project pins it."""
    pins = {}
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate():
                pins[pin.name] = f"{pin.name}{pin.specifier}"
    found, todo = dict.fromkeys(BROUGHT), list(BROUGHT)
    while todo:
        for line in importlib.metadata.requires(todo.pop()) or []:
            need = Requirement(line)
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and need.name not in found:
                found[need.name] = None
                todo.append(need.name)
    return [pins.get(name, name) for name in found]


if __name__ == "__main__":
    sys.exit(main())
