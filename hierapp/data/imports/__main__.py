"""`python -m hierapp.data.imports TOKEN LOCK`: read the source of one import.

LOCK is the descriptor of the lock's file, which the caller has taken for this process.
"""

import sys
from contextlib import suppress
from pathlib import Path

from hierapp.data.imports import job
from hierapp.errors import HierappError
from hierapp.utils.memory import limit_memory

MEMORY = 2 * 2**30  # bytes; the largest picture that is read takes some 500 MB


def main() -> int:
    with suppress(OSError):
        # Under memory pressure the kernel should kill this process, which can be restarted, before the app or a run.
        Path("/proc/self/oom_score_adj").write_text("800")
    limit_memory(MEMORY)
    try:
        job.work(sys.argv[1], lock=int(sys.argv[2]))
    except HierappError as error:
        print(error, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
