"""Names of branches and tags: a prefix says what a reference is for; no other module writes a prefix."""

#: Branches of work in progress: an audited change, its replay, a landing, a compaction, a swap.
AUDIT, REPLAY, LANDING, COMPACT, SWAP = WORK = ("audit_", "replay_", "landing_", "compact_", "swap_")
#: Other branches: the rows of an experiment, the holder of a lease.
EXPERIMENT, LEASE = "experiment_", "lease_"
#: Tags: a retained publication, the newest commit of a kind that expiry keeps, what a run that is at work reads, a
#: landing whose other rows are still to come, a pinned set that somebody holds.
PUBLICATION, MARKER, PIN, BEGUN, SET = "pub_", "marker_", "pin_", "begun_", "set_"
