"""Judge what stands on an audit branch."""

import sys

from matinee.entry import main

if __name__ == "__main__":
    sys.exit(main("audit"))
