"""Compare the live days that became mature with their publications."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("parity"))
