"""`python -m hierapp.data NAME LOCK`: download a data set in the background.

LOCK is the descriptor of the lock's file, which the caller has taken for this process.
"""

import sys

from hierapp.data import download
from hierapp.utils.own_log import exit_code

if __name__ == "__main__":
    sys.exit(exit_code(lambda: download.get(sys.argv[1], lock=int(sys.argv[2]))))
