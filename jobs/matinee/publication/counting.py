"""Counting: rows in = published + quarantined + duplicates, from the tables' own metadata; and whether they are enough.

Only a derived day shows how many of its landed rows repeat others.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.errors import ConservationError, NotCompleteError
from matinee.ledger.model import Run, State
from matinee.publication.record import abandon
from matinee.report import Rows
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.completeness import Counted, Unknown, enough, expectation, usual_repeats
from matinee.validity.look import Look


def rows_by_day(lake: Lake, run: Run, snapshot_id: int) -> dict[date, Rows]:
    """Return the rows of each day of a run: read from its first input for the day, written, dropped as duplicates.

    Rows are conserved where the dataset has one row for each row of the same day of its first input: duplicates can
    only come from a landed input. An aggregate has no such equation: `in` and `out` are then counts and no more.

    Raises:
        ConservationError: rows were lost or invented.
    """
    contract = lake.registry.get(run.dataset)
    spec = contract.inputs[0]
    upstream = lake.registry.get(spec.dataset)
    pin = run.pin(upstream.dataset)
    first, last = contract.input_days(spec, run.first_day, run.last_day)
    sizes = day_sizes(
        lake.table(upstream.dataset), upstream.day_column or "", snapshot_id=pin.snapshot_id, first=first, last=last
    )
    written = day_sizes(
        lake.table(run.dataset),
        contract.day_column or "",
        snapshot_id=snapshot_id,
        first=run.first_day,
        last=run.last_day,
    )
    read = {
        day: sum(_rows(sizes.get(other)) for other in day_range(*contract.input_days(spec, day, day)))
        for day in run.days
    }
    return {day: _balance(contract, upstream, run, day, read[day], _rows(written.get(day))) for day in run.days}


def _rows(size: object) -> int:
    return int(getattr(size, "rows", 0))


def _balance(contract: Contract, upstream: Contract, run: Run, day: date, read: int, written: int) -> Rows:
    duplicate = 0
    if contract.key_columns == upstream.identity and contract.input_days(contract.inputs[0], day, day) == (day, day):
        duplicate = read - written
        if duplicate < 0 or (duplicate > 0 and upstream.transform is not None):
            raise ConservationError(
                f"{contract.dataset} {day} has {written} rows of the {read} it read from {upstream.dataset}.",
                next_step="Nothing was published. Look at the branch: "
                f'`matinee query "SELECT * FROM {contract.dataset}.branch_{run.branch}"`.',
                facts={"dataset": contract.dataset, "day": day, "rows_in": read, "rows_out": written},
            )
    return Rows.model_validate({"in": read, "out": written, "duplicate": duplicate})


def total(rows: Iterable[Rows]) -> Rows:
    """Return the sum of row counts."""
    counts = tuple(rows)
    return Rows.model_validate(
        {
            "in": sum(row.read for row in counts),
            "out": sum(row.out for row in counts),
            "quarantined": sum(row.quarantined for row in counts),
            "duplicate": sum(row.duplicate for row in counts),
        }
    )


def require_complete(lake: Lake, run: Run, written: int, rows: Mapping[date, Rows]) -> None:
    """Stop a run whose days have too few rows once the repeats are known; the counted rows are recorded.

    The record shows that the landed day is short: no daily run derives it again before more rows have landed. Heals,
    and days that were published from enough rows, are not judged.

    Args:
        lake: the lake.
        run: the run that was written.
        written: its snapshot; the branch is removed if it still points there.
        rows: the rows that each of its days read and wrote.

    Raises:
        NotCompleteError: names the first such day, its rows and its repeats; `main` did not move.
    """
    contract = lake.registry.get(run.dataset)
    upstream = lake.registry.get(contract.inputs[0].dataset)
    if run.heal or upstream.transform is not None or contract.key_columns != upstream.identity:
        return
    look = Look(lake)
    short = {day: words for day, counts in rows.items() if (words := _short(look, run.dataset, day, counts))}
    if not short:
        return
    for day, words in short.items():
        abandon(lake, run, {day: rows[day]}, f"short: {words}")
    refs.remove(lake.table(run.dataset), run.branch, expected=written)
    day, words = next(iter(short.items()))
    raise NotCompleteError(
        f"{run.dataset} {run.key} was derived, and {upstream.dataset} {day} is short: {words}; main is untouched.",
        next_step=f"Land the missing files, state `source.repeats` in the contract of {upstream.dataset} where its "
        f"source always repeats so many, or `matinee ingest {upstream.dataset} --close-through {day}` declares it "
        "complete. It is not derived again before.",
        facts={"dataset": run.dataset, "input": upstream.dataset, "day": day, "rows": rows[day].model_dump()},
    )


def _short(look: Look, dataset: str, day: date, rows: Rows) -> str:
    """Return in words how many of the expected rows a derived day has, where they are too few; else an empty text."""
    upstream = look.lake.registry.get(look.lake.registry.get(dataset).inputs[0].dataset)
    expected = expectation(look, upstream.dataset, day)
    if isinstance(expected, Unknown):
        return ""
    newest, share = look.history(dataset).newest(day), upstream.completeness_share
    if newest is not None and newest.state is State.PUBLISHED and enough(newest.rows, expected, share):
        return ""
    counted = Counted(rows.read, rows.duplicate, usual_repeats(look, upstream.dataset, day))
    return counted.words(expected) if counted.toward(expected) < share * expected.rows else ""
