"""`step.py write`, for schedules and jobs that name this file; it stays for one release."""

from matinee.steps.main import main

raise SystemExit(main("write"))
