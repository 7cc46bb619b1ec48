"""`python -m hierapp`: the command line."""

import sys

from hierapp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
