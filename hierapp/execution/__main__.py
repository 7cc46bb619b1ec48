"""`python -m hierapp.execution [LOCK]`: process the queue of HIERAPP_HOME until it is empty.

LOCK is the descriptor of the lock's file, if the caller has taken the lock for this process.
"""

import sys

from hierapp.execution.scheduler import run_scheduler
from hierapp.runs import Store

if __name__ == "__main__":
    run_scheduler(Store(), int(sys.argv[1]) if len(sys.argv) > 1 else None)
