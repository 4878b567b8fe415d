"""The time of a dataset's newest landing, from commits and from the register of landed files."""

import json
from datetime import datetime

from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import read_rows

#: The register of landed files.
LANDINGS = "ops.landings"
#: The snapshot property that carries a landing.
LANDING = "matinee.landing"


def landed_time(lake: Lake, dataset: str) -> datetime | None:
    """Return the newest landing time of a raw dataset, of files and of streams alike; None: nothing was landed.

    Snapshots tell of the landings of the last days; from the register only rows that could be newer are read.
    """
    if not lake.exists(dataset):
        return None
    bodies = (summary[LANDING] for _, summary in refs.summaries(lake.table(dataset)) if LANDING in summary)
    times = [datetime.fromisoformat(json.loads(body)["received_ts"]) for body in bodies]
    newer = f" and received_ts > '{max(times).isoformat()}'" if times else ""
    rows = read_rows(lake, LANDINGS, f"dataset = '{dataset}'{newer}", "received_ts")
    return max([*times, *(row["received_ts"] for row in rows)], default=None)
