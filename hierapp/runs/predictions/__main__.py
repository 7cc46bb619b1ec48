"""`python -m hierapp.runs.predictions TOKEN LOCK`: import the predictions of one upload.

LOCK is the descriptor of the lock's file, which the caller has taken for this process.
"""

import sys
from contextlib import suppress
from pathlib import Path

from hierapp.errors import HierappError
from hierapp.runs import Store
from hierapp.runs.predictions import job


def main() -> int:
    with suppress(OSError):
        # Under memory pressure the kernel should kill this process, which can be restarted, before the app or a run.
        Path("/proc/self/oom_score_adj").write_text("800")
    try:
        job.work(Store(), sys.argv[1], lock=int(sys.argv[2]))
    except HierappError as error:
        print(error, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
