"""One write-audit-publish cycle, landing and upkeep: what the jobs and the command line run."""
