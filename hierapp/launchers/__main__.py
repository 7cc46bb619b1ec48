"""`python -m hierapp.launchers`: work on the queue of HIERAPP_HOME until it is empty."""

from hierapp.launchers.supervisor import supervise
from hierapp.store import Store

if __name__ == "__main__":
    supervise(Store())
