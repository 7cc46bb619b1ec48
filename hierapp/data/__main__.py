"""`python -m hierapp.data NAME LOCK`: download a data set in the background.

LOCK is the descriptor of the lock's file, which the caller has taken for this process.
"""

import sys

from hierapp.data import download
from hierapp.errors import HierappError


def main() -> int:
    try:
        download.get(sys.argv[1], lock=int(sys.argv[2]))
    except HierappError as error:
        print(error, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
