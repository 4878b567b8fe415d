"""Events of OpenLineage for the report of a step.

A publication is one run of the job that has its dataset's name, whatever process does its steps. Its audits are a job
of their own, whose input is what they judged: assertions belong to inputs in OpenLineage. An experiment is a job of the
name of its branch.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
from openlineage.client.event_v2 import Run as Run_
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
from matinee.ledger.model import PUBLICATION_ID, Run
from matinee.report import Report, Verdict
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of

PRODUCER = f"urn:matinee:{__version__}"
NAMESPACE = "matinee"
#: What the end of a step means for the run; a failed step is the end of the run.
_STATES = {"write": RunState.START, "audit": RunState.RUNNING}
_TOLD = frozenset({"write", "audit", "publish", "ingest", "experiment"})


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
        if report.publication_id and report.step != "experiment" and lake.exists(report.dataset)
        else ()
    )
    run = known[0].run if known else _experiment(lake, report)
    verdicts = report.verdicts or (known[0].verdicts if known else ())
    told = [_event(lake.settings, report, identity, run, at)]
    if verdicts and (report.error or report.step not in _STATES):
        judged = known[0].audited_snapshot_id if known else report.snapshot_id
        told.append(_audits(lake.settings, report, identity, judged, verdicts, at))
    return told


def _experiment(lake: Lake, report: Report) -> Run | None:
    """Return the run that an experiment has written to its branch: no ledger has it."""
    if report.step != "experiment" or report.branch is None or not lake.exists(report.dataset):
        return None
    table = lake.table(report.dataset)
    head = refs.reference(table, report.branch)
    summary = summary_of(table, head) if head is not None else {}
    return Run.from_summary(summary) if summary.get(PUBLICATION_ID) == report.publication_id else None


def name_of(report: Report) -> str:
    """Return the name of a dataset as readers of the lake write it: an experiment is a branch."""
    is_apart = report.step == "experiment" and report.branch
    return f"{report.dataset}.branch_{report.branch}" if is_apart else report.dataset


def _event(settings: Settings, report: Report, identity: str, run: Run | None, at: datetime) -> RunEvent:
    inputs = [
        InputDataset(settings.warehouse_uri, pin.dataset, facets={"version": version(pin.snapshot_id)})
        for pin in (run.pins if run else ())
    ]
    job = f"ingest {report.dataset}" if report.step == "ingest" else name_of(report)
    return run_event(report, identity, at, job, inputs, [output_of(settings, report)])


def output_of(settings: Settings, report: Report) -> OutputDataset:
    """Return what a step has written: its snapshot and rows; the name alone where the step failed."""
    output = OutputDataset(settings.warehouse_uri, name_of(report))
    if report.snapshot_id is not None and report.error is None:
        rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=report.rows.out)
        output.facets = {"version": version(report.snapshot_id)}
        output.outputFacets = {"outputStatistics": rows}
    return output


def _audits(
    settings: Settings,
    report: Report,
    identity: str,
    judged: int | None,
    verdicts: Sequence[Verdict],
    at: datetime,
) -> RunEvent:
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
        name_of(report),
        facets={"version": version(judged)} if judged is not None else {},
        inputFacets={"dataQualityAssertions": assertions},
    )
    state = RunState.FAIL if any(verdict.blocks for verdict in verdicts) else RunState.COMPLETE
    return run_event(report, f"{identity}:audits", at, f"{name_of(report)}.audits", [subject], [], state)


def run_event(
    report: Report,
    identity: str,
    at: datetime,
    name: str,
    inputs: list[InputDataset],
    outputs: list[OutputDataset],
    state: RunState | None = None,
) -> RunEvent:
    """Return an event about a run.

    Args:
        report: of the step that the event is about.
        identity: of the run: the events of one run have the same.
        at: the time of the event.
        name: of the job.
        inputs, outputs: what was read and written.
        state: of the run; default: what the end of the step means.
    """
    run = Run_(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER.rpartition(':')[0]}:{identity}")), facets={})
    assert run.facets is not None  # noqa: S101 - given above
    if report.days:
        first, last = start_of(report.days[0]), end_of(report.days[-1])
        run.facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(first.isoformat(), last.isoformat())
    if report.error:
        message = f"{report.error.type}: {report.error.message} Next: {report.error.next_step}"
        run.facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "PYTHON")
    processing = "STREAMING" if report.step == "stream" else "BATCH"
    kind = job_type_job.JobTypeJobFacet(processingType=processing, integration="MATINEE", jobType=report.step.upper())
    return RunEvent(
        eventTime=at.isoformat(),
        producer=PRODUCER,
        run=run,
        job=Job(NAMESPACE, name, facets={"jobType": kind}),
        eventType=state or (RunState.FAIL if report.error else _STATES.get(report.step, RunState.COMPLETE)),
        inputs=inputs,
        outputs=outputs,
    )


def version(snapshot_id: int) -> dataset_version_dataset.DatasetVersionDatasetFacet:
    """Return the facet that names a snapshot."""
    return dataset_version_dataset.DatasetVersionDatasetFacet(str(snapshot_id))
