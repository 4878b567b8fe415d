"""Repair what late rows changed, and judge the days that lack rows."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("heal"))
