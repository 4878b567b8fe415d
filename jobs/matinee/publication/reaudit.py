"""Auditing a published day again: the same checks and audits, on `main`, with the inputs that were pinned."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

from matinee.errors import CommitConflictError, UsageError
from matinee.ledger.ledger import history
from matinee.ledger.model import Publication
from matinee.ledger.withdrawal import withdraw
from matinee.publication.auditing import audit_candidate
from matinee.report import Verdict
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake


def audit_published(
    settings: Settings, dataset: str, day: date, *, withdraw_failing: bool = False
) -> tuple[Verdict, ...]:
    """Judge a published day as it stands on `main`, all its buckets.

    Args:
        settings: of the lake.
        dataset: a published dataset.
        day: the event day.
        withdraw_failing: whether the day is withdrawn where a blocking audit fails, with the verdicts in its record;
            else nothing is recorded.

    Raises:
        UsageError: the day is not published any more, or what it read has expired.
    """
    lake = Lake.open(settings)
    published = history(lake, lake.registry.get(dataset).dataset)
    newest = published.newest(day)
    if published.begin is not None and day < published.begin:
        raise UsageError(
            f"{dataset} {day} was dropped: there are no rows to judge.",
            next_step=f"Name a day from {published.begin} on.",
        )
    if newest is None:
        raise UsageError(
            f"{dataset} {day} is not published.", next_step=f"`matinee run {dataset} --key {day}` publishes it."
        )
    for pin in newest.run.pins:
        if lake.table(pin.dataset).metadata.snapshot_by_id(pin.snapshot_id) is None:
            raise UsageError(
                f"{dataset} {day} read snapshot {pin.snapshot_id} of {pin.dataset}, which has expired.",
                next_step=f"`matinee run {dataset} --key {day}` publishes and audits it on what is there now.",
            )
    main = refs.head(lake.table(dataset))
    verdicts = audit_candidate(lake, replace(newest.run, first_day=day, last_day=day, buckets=None), main).verdicts
    if withdraw_failing:
        _withdraw(lake, newest, verdicts)
    return verdicts


def _withdraw(lake: Lake, judged: Publication, verdicts: tuple[Verdict, ...]) -> None:
    failed = ", ".join(f"{verdict.audit} ({verdict.bad_rows} bad rows)" for verdict in verdicts if verdict.blocks)
    if failed:
        # The audits did not judge a publication or withdrawal that came while they ran.
        with suppress(CommitConflictError):
            withdraw(lake, replace(judged, verdicts=verdicts), f"{failed} failed on main")
