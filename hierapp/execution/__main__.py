"""`python -m hierapp.execution [LOCK [IDLE]]`: process the queue of HIERAPP_HOME until it is empty.

LOCK is the descriptor of the lock's file, if the caller has taken the lock for this process; IDLE is for how many
seconds the process waits for another run.
"""

import sys

from hierapp.execution import leftovers
from hierapp.execution.scheduler import run_scheduler
from hierapp.runs import Store

if __name__ == "__main__":
    lock, idle = [*sys.argv[1:], *[""] * 2][:2]
    store = Store(pinned=True)
    leftovers.clean(store)
    run_scheduler(store, int(lock) if lock else None, float(idle or 0))
