"""Land files of a raw dataset."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("ingest"))
