"""Move an audited change to main."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("publish"))
