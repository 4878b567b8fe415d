"""Judge what stands on an audit branch."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("audit"))
