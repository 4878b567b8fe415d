"""The gate after the derivation: only a derived day shows how many of its landed rows repeat others."""

from collections.abc import Mapping
from datetime import date

from matinee.errors import NotCompleteError
from matinee.ledger.model import Run, State
from matinee.publication.record import abandon
from matinee.report import Rows
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.completeness import Counted, Unknown, enough, expectation, usual_repeats
from matinee.validity.look import Look


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
