"""Failed tasks: what each says, and what its error proves."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote

from matinee.alerts.linking import Backfill
from matinee.alerts.model import Edge, Identity, Signal
from matinee.alerts.signals.errors import days_of, resource_of
from matinee.contracts.model import Contract
from matinee.readout.differs import Difference, of_environment
from matinee.readout.explain import Readout
from matinee.readout.patterns import typed
from matinee.readout.task import explain_task
from matinee.report import Report

#: A number that stands alone; those in names, paths and instants are no counts.
_COUNT = re.compile(r"(?<![\w./:-])\d+(?![\w/:-]|\.\w)")
#: Failures that ended longer ago are told no more.
WITHIN = timedelta(days=3)
#: A DAG file that cannot be imported for longer is not just being written.
WRITTEN_WITHIN = timedelta(minutes=3)


@dataclass(frozen=True)
class Failed:
    """A task that has failed and is not tried again; `key` is the day of its run, and empty where it has none."""

    dag: str
    run: str
    task: str
    map_index: int
    try_number: int
    ended: datetime
    key: str = ""
    is_backfill: bool = False

    @property
    def name(self) -> str:
        """Names the task among all."""
        return f"{self.dag} {self.run} {self.task}" + (f"[{self.map_index}]" if self.map_index >= 0 else "")

    @property
    def day(self) -> date | None:
        """The day of its run, if that has one."""
        try:
            return date.fromisoformat(self.key)
        except ValueError:
            return None


@dataclass(frozen=True)
class Why:
    """Why a task failed.

    Attributes:
        readout: of its report and its log.
        error, words: the last of Matinee's own errors in the log, with its words.
        differs: from what the task ran in when it last succeeded.
    """

    readout: Readout
    error: str = ""
    words: str = ""
    differs: tuple[Difference, ...] = ()

    @classmethod
    def of(
        cls,
        log: bytes,
        report: Report | None = None,
        success: Report | None = None,
        system: Sequence[bytes] = (),
        counters: Sequence[bytes] = (),
    ) -> "Why":
        """Read what a try has left.

        Args:
            log: of the try.
            report: of the try, if its step left one.
            success: the report of the last try of the same task that succeeded.
            system, counters: what the machine says of processes that were killed.
        """
        own = re.compile(rf"\b({'|'.join(typed())})\b(.*)")
        told = own.findall(log.decode(errors="replace"))
        if not told and report is not None and report.error is not None:
            told = [(report.error.type, f": {report.error.message}")]
        error, words = told[-1] if told else ("", "")
        differs = of_environment(success, report.environment) if report else []
        readout = explain_task(report, log.splitlines(keepends=True), system, counters)
        return cls(readout, error, words, tuple(differs))


@dataclass(frozen=True)
class Succeeded:
    """A run that has succeeded."""

    dag: str
    key: str
    ended: datetime


def standing(failed: Iterable[Failed], succeeded: Collection[Succeeded]) -> list[Failed]:
    """Return the failures that no later success of the same DAG and the same key has answered."""
    last: dict[tuple[str, str], datetime] = {}
    for run in succeeded:
        last[run.dag, run.key] = max(run.ended, last.get((run.dag, run.key), run.ended))
    return [task for task in failed if last.get((task.dag, task.key), task.ended) <= task.ended]


def signal_of(task: Failed, why: Why, contracts: Sequence[Contract], backfills: Iterable[Backfill], url: str) -> Signal:
    """Return the signal of a failed task.

    Args:
        task: what has failed.
        why: what its log says.
        contracts: of all datasets: a DAG makes those that name it.
        backfills: at work, or ended lately.
        url: of Airflow.
    """
    dataset = _made_by(task, contracts)
    run = f"{quote(task.dag, safe='')}/runs/{quote(task.run, safe='')}"
    facts: Mapping[str, str] = {"class": why.readout.kind, "run": task.run, "task": task.task}
    return Signal(
        "failure",
        task.name,
        Identity("failed", f"{task.dag}.{task.task}", task.day, task.day),
        f"{task.name}: {why.readout.cause}",
        why.readout.next_step,
        value=1.0,
        dataset=dataset,
        dag=task.dag,
        link=f"{url.rstrip('/')}/dags/{run}/tasks/{quote(task.task, safe='')}",
        edges=tuple(_proven(task, why, backfills)),
        facts={**facts, "day": str(task.day)} if task.day else facts,
    )


def _proven(task: Failed, why: Why, backfills: Iterable[Backfill]) -> list[Edge]:
    """Return what a failure follows from: a resource, days that its error names, its backfill, or its error itself."""
    if resource := resource_of(why.error, {}):
        return [Edge("resource", resource)]
    if days := days_of(why.error, why.words):
        return [Edge("lineage", day) for day in days]
    if task.is_backfill:
        return [Edge("lineage", each.identity) for each in backfills if _is_of(task, each)]
    return _same_error(why, task.day)


def not_imported(file: str, trace: str, since: datetime) -> Signal:
    """Return the signal of a DAG file that cannot be imported since an instant: none of its tasks runs.

    A file that is just being written is no alarm yet.
    """
    why = Why.of(trace.encode())
    return Signal(
        "failure",
        f"import of {file}",
        Identity("not_imported", file),
        f"{file} cannot be imported: {why.readout.cause}",
        why.readout.next_step,
        since=since,
        limit=WRITTEN_WITHIN.total_seconds(),
        dag=file.removesuffix(".py"),
        edges=tuple(_same_error(why, None)),
    )


def raised(why: Why, day: date | None) -> Identity | None:
    """Return the cause that one of Matinee's errors is by itself: the same words are the same cause, whatever failed.

    None where another error stands behind it. An error that does not name the day of its run is that of other days.
    """
    if not why.error or why.error != why.readout.pattern or typed()[why.error].get("wraps"):
        return None
    about = day if day is not None and str(day) in why.readout.cause else None
    # The error of another day says the same, but for its day; that of another try may count more files or rows.
    words = _COUNT.sub("N", why.readout.cause.replace(str(day), "DAY"))
    return Identity("raised", f"{why.error}: {words}"[:300], about, about)


def _same_error(why: Why, day: date | None) -> list[Edge]:
    cause = raised(why, day)
    return [Edge("error", cause)] if cause else []


def _made_by(task: Failed, contracts: Sequence[Contract]) -> str:
    """Return the dataset that a task was to make; empty where the names do not say."""
    made = [contract.dataset for contract in contracts if contract.dag == task.dag]
    named = [dataset for dataset in made if dataset.partition(".")[2] in task.task]
    return max(named, key=len) if named else made[0] if len(made) == 1 else ""


def _is_of(task: Failed, backfill: Backfill) -> bool:
    return backfill.dag == task.dag and task.day is not None and backfill.first <= task.day <= backfill.last
