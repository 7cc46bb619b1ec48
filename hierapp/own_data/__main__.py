"""`python -m hierapp.own_data TOKEN`: read the source of one import."""

import sys
from contextlib import suppress
from pathlib import Path

from hierapp.errors import HierappError
from hierapp.own_data import staging


def main() -> int:
    with suppress(OSError):
        # Rather this, which can begin again, than the app or a run, when memory is short.
        Path("/proc/self/oom_score_adj").write_text("800")
    try:
        staging.work(sys.argv[1])
    except HierappError as error:
        print(error, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
