"""Rows of the ledger: how a publication is stored in `ops.publications`."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from matinee.contracts.stamps import from_text, to_text
from matinee.ledger.model import Publication, Run
from matinee.report import Verdict
from matinee.table.registers import codec

_VERDICTS = TypeAdapter(tuple[Verdict, ...])
#: What a row tells of its run in columns of their own; the inputs are a column, too, and `parameters` tells the rest.
_RUN = ("publication_id", "dataset", "key", "base_snapshot_id", "contract_version", "code_version")
_PLAIN = {
    *("day", "generation", "recorded_ts", "audited_snapshot_id", "head_snapshot_id", "head_sequence_number"),
    *("replayed", "reason"),
}
#: The columns of row counts, and how `Rows` calls them.
_COUNTS = {"rows_in": "in", "rows_out": "out", "rows_quarantined": "quarantined", "rows_duplicate": "duplicate"}


def to_row(publication: Publication) -> dict[str, object]:
    """Return the row of a publication."""
    run: dict[str, Any] = codec(Run).dump_python(publication.run, mode="json")
    columns = {name: run.pop(name) for name in _RUN}
    pins, rest = run.pop("pins"), {"overrides": run.pop("parameters"), "changed": publication.changed}
    counts = publication.rows.model_dump(by_alias=True)
    return {
        **columns,
        **{name: getattr(publication, name) for name in _PLAIN},
        **{column: counts[name] for column, name in _COUNTS.items()},
        "state": publication.state.value,
        "inputs": json.dumps(pins, sort_keys=True),
        "verdicts": _VERDICTS.dump_json(publication.verdicts).decode(),
        "parameters": json.dumps(run | rest, sort_keys=True),
        "stamps": to_text(publication.stamps) if publication.stamps else None,
    }


def from_row(row: Mapping[str, Any]) -> Publication:
    """Read what `to_row` of this or an earlier version wrote."""
    said = json.loads(row["parameters"])
    run = {**row, **said, "parameters": said["overrides"], "pins": json.loads(row["inputs"])}
    own = {
        "run": run,
        "changed": said.get("changed"),
        "verdicts": _VERDICTS.validate_json(row["verdicts"]),
        "rows": {name: row[column] or 0 for column, name in _COUNTS.items()},
        "stamps": from_text(row.get("stamps")),
    }
    return codec(Publication).validate_python({**row, **own})
