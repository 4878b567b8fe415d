"""Fault points: named places between two steps at which a test may kill the process.

`MATINEE_FAULT=<point>` makes the process write `MATINEE_FAULT_MARKER` (so that the test knows the point was reached)
and kill itself with SIGKILL. Without the variable a point costs one look into the environment.
"""

import os
import signal
from pathlib import Path
from typing import Literal, get_args

Point = Literal[
    "ingest.after_write",
    "ingest.after_prepared",
    "ingest.after_quarantine",
    "ingest.after_raw",
    "stream.after_quarantine",
    "stream.after_raw",
    "stream.after_landing",
    "stream.in_swap",
    "stream.after_attributions",
    "stream.after_outcomes",
    "stream.after_tick",
    "parity.after_table",
    "write.after_branch",
    "write.after_pins",
    "write.after_commit",
    "audit.after_verdicts",
    "audit.after_prepared",
    "publish.after_replay",
    "publish.before_move",
    "publish.after_move",
    "publish.after_published",
    "publish.after_tag",
    "publish.after_drop",
    "heal.after_lease",
    "heal.after_day",
    "heal.after_record",
    "withdraw.after_commit",
    "recover.after_rows",
    "compact.after_branch",
    "compact.after_rewrite",
    "compact.after_record",
    "compact.after_move",
    "expire.after_tags",
    "drop.after_commit",
    "pin.after_record",
    "pin.after_tag",
    "pin.after_end",
    "retire.after_record",
    "retire.after_table",
    "retire.after_files",
    "lake.after_table",
    "upgrade.after_lease",
    "upgrade.after_table",
    "backup.after_write",
    "restore.after_table",
    "kv.after_pin",
    "kv.after_plan",
    "kv.after_shards",
    "kv.after_manifest",
    "kv.after_gate",
    "kv.before_pointer",
    "kv.after_pointer",
    "kv.after_unlisted",
    "kv.after_rewritten",
    "kv.after_forgotten",
    "delta.before_batch",
    "delta.after_batch",
    "delta.in_trim",
]
POINTS: tuple[str, ...] = get_args(Point)


def reach(point: Point) -> None:
    """Die here if a test asked for it."""
    if os.environ.get("MATINEE_FAULT") != point:
        return
    marker = os.environ.get("MATINEE_FAULT_MARKER")
    if marker:
        Path(marker).write_text(f"{point}\n")
    os.kill(os.getpid(), signal.SIGKILL)
