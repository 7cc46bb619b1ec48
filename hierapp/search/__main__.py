"""`python -m hierapp.search NAME [LOCK]`: work on a search of HIERAPP_HOME until it ends or is asked to stop.

LOCK is the descriptor of the lock's file, if the caller has taken the lock for this process.
"""

import sys

from hierapp.errors import HomeMovedError
from hierapp.runs import Store
from hierapp.search import journal, runner
from hierapp.utils.own_log import say

if __name__ == "__main__":
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        runner.run_search(journal.find(Store(pinned=True), sys.argv[1]), trials)
    except HomeMovedError as error:
        say(str(error))
