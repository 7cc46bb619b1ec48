"""`python -m hierapp.search NAME`: work on a search of HIERAPP_HOME until it ends or is asked to stop."""

import sys

from hierapp.runs import Store
from hierapp.search import journal, runner

if __name__ == "__main__":
    runner.run_search(journal.find(Store(), sys.argv[1]))
