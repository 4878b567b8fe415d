"""Events of OpenLineage for the report of a step.

A publication is one run of the job that has its dataset's name, whatever process does its steps. Its audits are a job
of their own, whose input is what they judged: assertions belong to inputs in OpenLineage.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
)

from matinee import __version__
from matinee.days import end_of, start_of
from matinee.ledger.ledger import history
from matinee.ledger.model import Publication
from matinee.report import Report, Verdict
from matinee.settings import Settings
from matinee.table.catalog import Lake

PRODUCER = f"urn:matinee:{__version__}"
NAMESPACE = "matinee"
#: What the end of a step means for the run; a failed step is the end of the run.
_STATES = {"write": RunState.START, "audit": RunState.RUNNING}
_TOLD = frozenset({"write", "audit", "publish", "ingest"})


def events(lake: Lake, report: Report, at: datetime) -> list[RunEvent]:
    """Return the events for the report of a step; none for a step that changes no dataset.

    Args:
        lake: where the ledger has the pins of a publication.
        report: of a step.
        at: the time of the events.
    """
    if report.step not in _TOLD or not report.dataset or (report.step == "ingest" and report.snapshot_id is None):
        return []  # Files that were landed before change no dataset.
    identity = report.publication_id or f"{report.step}:{report.dataset}:{report.snapshot_id}:{at.isoformat()}"
    known = (
        history(lake, report.dataset).find(report.publication_id)
        if report.publication_id and lake.exists(report.dataset)
        else ()
    )
    verdicts = report.verdicts or (known[0].verdicts if known else ())
    state = RunState.FAIL if report.error else _STATES.get(report.step, RunState.COMPLETE)
    told = [_event(lake.settings, report, identity, state, known, at)]
    if verdicts and state in (RunState.FAIL, RunState.COMPLETE):
        told.append(_audits(lake.settings, report, identity, known, verdicts, at))
    return told


def _event(
    settings: Settings,
    report: Report,
    identity: str,
    state: RunState,
    known: Sequence[Publication],
    at: datetime,
) -> RunEvent:
    pins = known[0].run.pins if known else ()
    inputs = [
        InputDataset(settings.warehouse_uri, pin.dataset, facets={"version": _version(pin.snapshot_id)}) for pin in pins
    ]
    rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=report.rows.out)
    output = OutputDataset(settings.warehouse_uri, report.dataset)
    if report.snapshot_id is not None and report.error is None:
        output.facets = {"version": _version(report.snapshot_id)}
        output.outputFacets = {"outputStatistics": rows}
    name = f"ingest {report.dataset}" if report.step == "ingest" else report.dataset
    return _run(report, identity, state, at, name, inputs, [output])


def _audits(
    settings: Settings,
    report: Report,
    identity: str,
    known: Sequence[Publication],
    verdicts: Sequence[Verdict],
    at: datetime,
) -> RunEvent:
    judged = known[0].audited_snapshot_id if known else report.snapshot_id
    assertions = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=[
            data_quality_assertions_dataset.Assertion(
                assertion=verdict.audit,
                success=verdict.verdict != "fail",
                severity="error" if verdict.severity == "blocking" else "warn",
                actual=str(verdict.bad_rows),
                description=verdict.detail or None,
            )
            for verdict in verdicts
        ]
    )
    subject = InputDataset(
        settings.warehouse_uri,
        report.dataset,
        facets={"version": _version(judged)} if judged is not None else {},
        inputFacets={"dataQualityAssertions": assertions},
    )
    state = RunState.FAIL if any(verdict.blocks for verdict in verdicts) else RunState.COMPLETE
    return _run(report, f"{identity}:audits", state, at, f"{report.dataset}.audits", [subject], [])


def _run(
    report: Report,
    identity: str,
    state: RunState,
    at: datetime,
    name: str,
    inputs: list[InputDataset],
    outputs: list[OutputDataset],
) -> RunEvent:
    run = Run(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER.rpartition(':')[0]}:{identity}")), facets={})
    assert run.facets is not None  # noqa: S101 - given above
    if report.days:
        first, last = start_of(report.days[0]), end_of(report.days[-1])
        run.facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(first.isoformat(), last.isoformat())
    if report.error:
        message = f"{report.error.type}: {report.error.message} Next: {report.error.next_step}"
        run.facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "PYTHON")
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="MATINEE", jobType=report.step.upper())
    return RunEvent(
        eventTime=at.isoformat(),
        producer=PRODUCER,
        run=run,
        job=Job(NAMESPACE, name, facets={"jobType": kind}),
        eventType=state,
        inputs=inputs,
        outputs=outputs,
    )


def _version(snapshot_id: int) -> dataset_version_dataset.DatasetVersionDatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(str(snapshot_id))
