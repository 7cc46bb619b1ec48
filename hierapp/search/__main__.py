"""`python -m hierapp.search NAME`: work on a search of HIERAPP_HOME until it has ended or is asked to stop."""

import sys

from hierapp.search import book, driver
from hierapp.store import Store

if __name__ == "__main__":
    driver.drive(book.find(Store(), sys.argv[1]))
