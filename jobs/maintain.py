"""Keep a lake in shape: recovery, compaction, expiry, orphan files."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("maintain"))
