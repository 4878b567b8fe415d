"""Derive the day of a dataset and write it to a branch of its own."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("write"))
