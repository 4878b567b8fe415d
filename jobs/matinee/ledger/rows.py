"""Rows of the ledger: how a publication stands in `ops.publications`."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter

from matinee.contracts.stamps import from_text, to_text
from matinee.ledger.model import InputPin, Publication, Run, State, buckets_in
from matinee.report import Rows, Verdict

_VERDICTS = TypeAdapter(tuple[Verdict, ...])


def to_row(publication: Publication) -> dict[str, object]:
    """Return the row of a publication."""
    run = publication.run
    return {
        "publication_id": publication.publication_id,
        "dataset": run.dataset,
        "day": publication.day,
        "key": run.key,
        "state": publication.state.value,
        "recorded_ts": publication.recorded_ts,
        "generation": publication.generation,
        "base_snapshot_id": run.base_snapshot_id,
        "audited_snapshot_id": publication.audited_snapshot_id,
        "head_snapshot_id": publication.head_snapshot_id,
        "head_sequence_number": publication.head_sequence_number,
        "replayed": publication.replayed,
        "inputs": json.dumps([pin.to_json() for pin in run.pins], sort_keys=True),
        "verdicts": _VERDICTS.dump_json(publication.verdicts).decode(),
        "rows_in": publication.rows.read,
        "rows_out": publication.rows.out,
        "rows_quarantined": publication.rows.quarantined,
        "rows_duplicate": publication.rows.duplicate,
        "contract_version": run.contract_version,
        "code_version": run.code_version,
        "parameters": json.dumps(
            {
                "first_day": run.first_day.isoformat(),
                "last_day": run.last_day.isoformat(),
                "planned_ts": run.planned_ts.isoformat(),
                "as_of": run.as_of.isoformat() if run.as_of else None,
                "overrides": dict(run.parameters),
                "heal": run.heal,
                "buckets": run.buckets,
                "began": run.began,
                "changed": publication.changed,
            },
            sort_keys=True,
        ),
        "reason": publication.reason,
        "stamps": to_text(publication.stamps) if publication.stamps else None,
    }


def _run_of(row: Mapping[str, object], parameters: Mapping[str, Any]) -> Run:
    return Run(
        publication_id=str(row["publication_id"]),
        dataset=str(row["dataset"]),
        key=str(row["key"]),
        first_day=date.fromisoformat(parameters["first_day"]),
        last_day=date.fromisoformat(parameters["last_day"]),
        base_snapshot_id=_int(row["base_snapshot_id"]) or 0,
        pins=tuple(InputPin.from_json(pin) for pin in json.loads(str(row["inputs"]))),
        contract_version=str(row["contract_version"]),
        code_version=str(row["code_version"]),
        planned_ts=datetime.fromisoformat(parameters["planned_ts"]),
        parameters=parameters["overrides"],
        as_of=datetime.fromisoformat(parameters["as_of"]) if parameters["as_of"] else None,
        heal=parameters.get("heal", False),
        buckets=buckets_in(parameters),
        began=parameters.get("began"),
    )


def from_row(row: Mapping[str, object]) -> Publication:
    """Read what `to_row` wrote."""
    parameters = json.loads(str(row["parameters"]))
    return Publication(
        run=_run_of(row, parameters),
        day=row["day"],  # type: ignore[arg-type]
        state=State(str(row["state"])),
        generation=_int(row["generation"]) or 0,
        recorded_ts=row["recorded_ts"],  # type: ignore[arg-type]
        audited_snapshot_id=_int(row["audited_snapshot_id"]),
        head_snapshot_id=_int(row["head_snapshot_id"]),
        head_sequence_number=_int(row["head_sequence_number"]),
        replayed=row["replayed"],  # type: ignore[arg-type]
        verdicts=_VERDICTS.validate_json(str(row["verdicts"])),
        rows=Rows.model_validate(
            {
                "in": row["rows_in"] or 0,
                "out": row["rows_out"] or 0,
                "quarantined": row["rows_quarantined"] or 0,
                "duplicate": row["rows_duplicate"] or 0,
            }
        ),
        reason=str(row["reason"]) if row["reason"] is not None else None,
        changed=buckets_in(parameters, "changed"),
        stamps=from_text(row.get("stamps")),  # type: ignore[arg-type]
    )


def _int(value: object) -> int | None:
    return int(str(value)) if value is not None else None
