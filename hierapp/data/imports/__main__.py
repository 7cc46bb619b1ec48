"""`python -m hierapp.data.imports TOKEN LOCK`: read the source of one import.

LOCK is the descriptor of the lock's file, which the caller has taken for this process.
"""

import sys
from contextlib import suppress
from pathlib import Path

from hierapp.data.imports import job
from hierapp.utils.memory import limit_memory
from hierapp.utils.own_log import exit_code

MEMORY = 2 * 2**30  # bytes; the largest picture that is read takes some 500 MB


def main() -> int:
    with suppress(OSError):
        # Under memory pressure the kernel should kill this process, which can be restarted, before the app or a run.
        Path("/proc/self/oom_score_adj").write_text("800")
    limit_memory(MEMORY)
    return exit_code(lambda: job.work(sys.argv[1], lock=int(sys.argv[2])))


if __name__ == "__main__":
    sys.exit(main())
