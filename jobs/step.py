"""Run one step: `step.py NAME …`; `step.py --help` lists the steps."""

from matinee.steps.main import main

if __name__ == "__main__":
    raise SystemExit(main())
