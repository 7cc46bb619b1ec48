"""Read one uploaded picture in a process of its own, with limits on memory and time: it comes from anyone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from hierapp.data import images
from hierapp.data.images import Pixels
from hierapp.errors import ArchiveError, one_line
from hierapp.utils.memory import limit_memory
from hierapp.utils.processes import python_environment

MEMORY = 2**30
SECONDS = 60.0


def read(content: bytes, name: str, shape: tuple[int, int, int]) -> Pixels:
    """Read a picture and fit it to a network's input shape, as `images.fitted`, in a process of its own.

    Raises:
        ArchiveError: as `images.fitted`, and if the process runs out of memory or time.
    """
    shown = one_line(Path(name).name)[:60].replace("\0", "_").encode("utf-8", "replace").decode() or "picture"
    failed = ArchiveError(f"The image {shown} takes too much memory or time to be read; make it smaller.")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hierapp.data.uploaded_picture", *map(str, shape), shown],
            input=content,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=python_environment(),
        )
    except subprocess.TimeoutExpired:
        raise failed from None
    height, width, channels = shape
    if done.returncode == 2:
        raise ArchiveError(done.stderr.decode("utf-8", "replace").strip())
    if done.returncode or len(done.stdout) != height * width * channels:
        raise failed
    return np.frombuffer(done.stdout, np.uint8).reshape(shape).copy()


def main() -> int:
    height, width, channels = map(int, sys.argv[1:4])
    limit_memory(MEMORY)
    try:
        found = images.fitted(sys.stdin.buffer.read(), sys.argv[4], (height, width, channels))
    except ArchiveError as error:
        sys.stderr.write(str(error))
        return 2
    sys.stdout.buffer.write(found.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
