"""`python -m hierapp.execution`: process the queue of HIERAPP_HOME until it is empty."""

from hierapp.execution.scheduler import run_scheduler
from hierapp.runs import Store

if __name__ == "__main__":
    run_scheduler(Store())
