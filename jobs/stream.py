"""Land what the source holds by now, and bring the live tables up to it."""

import sys

from matinee.steps.main import main

if __name__ == "__main__":
    sys.exit(main("stream"))
