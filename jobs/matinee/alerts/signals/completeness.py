"""Days of landed events that have fewer rows than the arrival curves of their sources allow by now."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.healing.judge_days import judge_arrivals
from matinee.validity.completeness import Unknown, expectation

#: Arrivals count in steps of ten minutes, and a look at them reads the registers of landings.
EACH = timedelta(minutes=10)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield a signal for each day that has lost rows; days that still arrive give none."""
    yield from outlook.remembered("completeness", EACH, lambda: list(_lost(outlook)))


def _lost(outlook: Outlook) -> Iterator[Signal]:
    for dataset, day, rows, judged in judge_arrivals(outlook.lake, outlook.at):
        expected = expectation(outlook.validity, dataset, day)
        if judged.kind != "lost" or isinstance(expected, Unknown):
            continue
        yield Signal(
            "completeness",
            f"arrival of {dataset} {day}",
            Identity.of_day("incomplete", dataset, day),
            f"{dataset} {day} lacks rows: {judged.words}",
            f"Ask the producer for the files of {day}; `matinee vtts explain {dataset}` says what closes the day.",
            value=1 - rows / expected.rows,
            dataset=dataset,
        )
