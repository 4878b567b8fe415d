"""The ledger's side of a cycle: PREPARED before `main` moves, PUBLISHED after, then the branch goes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from matinee import faults
from matinee.contracts.stamps import merged
from matinee.ledger import pins
from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import Publication, Run, State
from matinee.ledger.recovery import abandoned
from matinee.publication.auditing import Judged
from matinee.publication.changed_buckets import really_changed
from matinee.publication.generations import generation
from matinee.publication.move import Published, drop_branches
from matinee.report import Rows, Verdict
from matinee.table import names, refs
from matinee.table.catalog import Lake


def prepare(
    lake: Lake, run: Run, audited: int, judged: Judged, counted: Mapping[date, Rows]
) -> tuple[Publication, ...]:
    """Record the days of a judged run in one append: as PREPARED, or as ABANDONED where a blocking audit failed.

    A day that the same attempt had prepared before, and does not have after it was written again, is recorded as
    ABANDONED, too: the day is not valid any more.

    Args:
        lake: the lake.
        run: what the audit branch holds.
        audited: the snapshot that was judged.
        judged: verdicts and stamps.
        counted: the rows of each day at that snapshot.
    """
    blocked = any(verdict.blocks for verdict in judged.verdicts)
    contract = lake.registry.get(run.dataset)
    published = history(lake, run.dataset)  # Read again: others have published since the run began.
    newest = {day: publication for day in run.days if (publication := published.newest(day))}
    noted = noted_after([*published.find(run.publication_id), *newest.values()])
    before = {day: publication.stamps for day, publication in newest.items()}
    changed = really_changed(run, before, judged.stamps)
    records = tuple(
        Publication(
            run=run,
            day=day,
            state=State.ABANDONED if blocked else State.PREPARED,
            generation=generation(contract, published, run, day, read=rows.read, rewritten=changed),
            recorded_ts=noted,
            audited_snapshot_id=audited,
            verdicts=judged.verdicts,
            rows=rows,
            reason="a blocking audit failed" if blocked else None,
            changed=changed,
            stamps=judged.stamps[day] if run.buckets is None else merged(before.get(day, {}), judged.stamps[day]),
        )
        for day, rows in counted.items()
    )
    dropped = (
        replace(prepared, state=State.ABANDONED, recorded_ts=noted, reason="written again without this day")
        for prepared in published.find(run.publication_id)
        if prepared.state is State.PREPARED and prepared.day not in {publication.day for publication in records}
    )
    record(lake, [*records, *dropped])
    return records


def abandon(lake: Lake, run: Run, rows: Mapping[date, Rows], reason: str) -> None:
    """Record days of a run as ABANDONED before their audit, with the counted rows of each day."""
    contract, published = lake.registry.get(run.dataset), history(lake, run.dataset)
    noted = noted_after(published.find(run.publication_id))
    numbers = {day: generation(contract, published, run, day, read=counted.read) for day, counted in rows.items()}
    record(
        lake,
        [
            Publication(run, day, State.ABANDONED, numbers[day], noted, rows=counted, reason=reason)
            for day, counted in rows.items()
        ],
    )


def finish(lake: Lake, run: Run, published: Published) -> tuple[Publication, ...]:
    """Record what reached `main`, tag its snapshot, release its pins, drop its branches; a second call changes nothing.

    Returns:
        The records of the publication's days; the verdicts of audits that ran again have replaced the first verdicts.
    """
    look = history(lake, run.dataset)
    known = look.find(run.publication_id)
    unnoted = {(told.publication_id, told.day) for told, _ in look.unsettled() if told.state is State.PREPARED}
    publications = [publication for publication in known if run.first_day <= publication.day <= run.last_day]
    records = tuple(
        replace(publication, verdicts=_merged(publication.verdicts, published.verdicts)) for publication in publications
    )
    record(lake, [publication for publication in records if (publication.publication_id, publication.day) in unnoted])
    faults.reach("publish.after_published")
    table = lake.table(run.dataset)
    tag = f"{names.PUBLICATION}{run.publication_id}"
    if refs.reference(table, tag) is None:
        table = refs.create_tag(table, tag, published.snapshot_id)
    faults.reach("publish.after_tag")
    pins.release(lake, run.publication_id, run.pinned)
    drop_branches(table, run)
    faults.reach("publish.after_drop")
    return records


def give_up(lake: Lake, run: Run, reason: str) -> None:
    """Record the prepared days of a run as ABANDONED, release its pins, and drop its branches."""
    known = history(lake, run.dataset).find(run.publication_id)
    record(lake, [abandoned(publication, reason) for publication in known if publication.state is State.PREPARED])
    pins.release(lake, run.publication_id, run.pinned)
    drop_branches(lake.table(run.dataset), run)


def _merged(first: tuple[Verdict, ...], again: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    newer = {verdict.audit: verdict for verdict in again}
    return tuple(newer.get(verdict.audit, verdict) for verdict in first)
