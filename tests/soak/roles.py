"""The roles of a soak: what each kind of worker does in a turn, through the functions that jobs and commands call."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Timer

from matinee.engine.session import spark_session
from matinee.errors import CommitConflictError, ConservationError, LandingRefusedError, UsageError
from matinee.healing import healer
from matinee.healing.register import Decision
from matinee.landing.ingest import close_through, ingest
from matinee.ledger.ledger import history
from matinee.ledger.model import PUBLICATION_ID, Run, State
from matinee.ledger.withdrawal import withdraw
from matinee.maintenance import cells, compaction, upkeep
from matinee.maintenance.slices import PlannedSlice
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table import names, refs
from matinee.table.catalog import Lake
from tests.soak.events import BASE_ROWS, DAYS, LANDED, RAW, Events, base
from tests.soak.landed import keep
from tests.soak.turns import Journal, Turn, Worker
from tests.soak.witness import CHAIN, Witness


class Desk:
    """What a worker works with: the lake's settings, the folder that all workers share, its name and random numbers.

    `life` counts how often the worker was started: a restarted one does not take the same turns again.
    """

    def __init__(self, settings: Settings, folder: Path, name: str, seed: int, life: int) -> None:
        self.settings = settings
        self.folder = folder
        self.name = name
        self.seed = seed
        self.life = life
        self.random = Random(f"{seed} {name} {life}")  # noqa: S311 - chance, no secrets

    @property
    def journal(self) -> Journal:
        """Its own journal."""
        return Journal(self.folder / "journals" / f"{self.name}.jsonl")

    def published(self, *, replayed: bool | None) -> None:
        """Note a publication: that it is in, and whether it was replayed."""
        self.journal.write("published", replayed=bool(replayed))


class Lander:
    """Lands a small file, seldom the same bytes again, and seldom declares the days complete as they stand."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.events = Events(f"{desk.name}-{desk.life}", desk.random)
        # What others have landed before is repeated too.
        first = base(desk.seed)
        for dataset in RAW:
            first.lines(dataset, BASE_ROWS)
        self.events.sent = first.sent
        self.files: list[Path] = []

    def turn(self, turn: Turn) -> None:
        """Land once."""
        if self.desk.random.random() < 0.04:
            turn.commits += bool(close_through(self.desk.settings, None, DAYS[-1], LANDED))
            return
        again = self.files and self.desk.random.random() < 0.1
        path = self.desk.random.choice(self.files) if again else self._write()
        reports = ingest(self.desk.settings, None, [path], LANDED)
        turn.commits += sum(report.details["already"] == "no" for report in reports)

    def _write(self) -> Path:
        dataset = self.desk.random.choice(list(RAW))
        name = f"{RAW[dataset][0]}-{self.desk.name}-{self.desk.life}-{len(self.files)}.jsonl"
        path = self.desk.folder / "landing" / name
        path.write_text(self.events.lines(dataset, self.desk.random.randint(2, 30)))
        self.files.append(path)
        return path


class Replacer:
    """Lands a file that is replaced meanwhile by another file of as many lines; then lands the new file."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.events = Events(desk.name, desk.random)
        self.path = desk.folder / "landing" / f"plays-{desk.name}-current.jsonl"

    def turn(self, turn: Turn) -> None:
        """Land while it is replaced, then land again; both versions are kept for the readers."""
        before, after = ("".join(self.events.clean_lines("raw.plays", 20)) for _ in range(2))
        self._put(before)
        replacing = Timer(self.desk.random.uniform(0.05, 1.0), self._put, [after])
        replacing.start()
        reports = []
        # A file that changes is refused; the last version lands.
        with suppress(LandingRefusedError, ConservationError):
            reports += ingest(self.desk.settings, None, [self.path], LANDED)
        replacing.join()
        reports += ingest(self.desk.settings, None, [self.path], LANDED)
        turn.commits += sum(report.details["already"] == "no" for report in reports)

    def _put(self, text: str) -> None:
        keep(self.desk.folder, text)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.replace(self.path)


class Publisher:
    """Publishes a day at random, table by table; after a kill it first repeats the run that it had begun."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.intent = desk.folder / "intents" / f"{desk.name}.json"
        self.count = 0
        self.day = 0

    def turn(self, turn: Turn) -> None:
        """Publish one table of the day, or of two days together."""
        if not self.intent.exists():
            self._intend()
        dataset, first, last, attempt = json.loads(self.intent.read_text())
        request = RunRequest(dataset, date.fromisoformat(first), date.fromisoformat(last), attempt=attempt)
        try:
            self.desk.published(replayed=run(self.desk.settings, request).replayed)
        except UsageError as error:
            if SET_BACK not in error.message:
                raise
        finally:
            self.intent.unlink()

    def _intend(self) -> None:
        dataset = CHAIN[self.count % len(CHAIN)]
        if dataset == CHAIN[0]:
            self.day = self.desk.random.randrange(len(DAYS))
        last = min(self.day + self.desk.random.choice((0, 0, 1)), len(DAYS) - 1)
        self.count += 1
        attempt = f"{self.desk.name}_{self.desk.life}_{self.count}".replace("-", "_")
        wanted = (dataset, str(DAYS[self.day]), str(DAYS[last]), attempt)
        temporary = self.intent.with_suffix(".tmp")
        temporary.write_text(json.dumps(wanted))
        temporary.replace(self.intent)


class ToldToStopError(Exception):
    """The soak is over; what the healer has not healed is left to the end."""


class Healer:
    """Heals whatever is stale."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def turn(self, turn: Turn) -> None:
        """Heal until nothing is stale."""

        def decided(decision: Decision) -> None:
            if decision.decision == "heal":
                self.desk.published(replayed=False)
            if (self.desk.folder / "stop").exists():
                raise ToldToStopError

        with suppress(ToldToStopError):
            healer.apply(self.desk.settings, told=decided)


class Compactor:
    """Compacts what is worth it, and at random a core day that is not: publications must be replayed past it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def turn(self, turn: Turn) -> None:
        """Compact a raw table, or a day of a core table."""
        if self.desk.random.random() < 0.3:
            report = compaction.compact(self.desk.settings, self.desk.random.choice(list(RAW)))
            turn.commits += int(report.details["slices"])
            return
        lake = Lake.open(self.desk.settings)
        contract = lake.registry.get(self.desk.random.choice(CHAIN))
        free = cells.free_cells(lake, contract, self.desk.random.choice(DAYS))
        if not free:
            return
        branch = f"{names.COMPACT}{contract.dataset.replace('.', '_')}_{free[0].day:%Y%m%d}"
        with spark_session(self.desk.settings) as spark:
            compaction._attempt(spark, lake, contract, PlannedSlice(free[0].day, tuple(free)), branch)
        turn.commits += 1


class Expirer:
    """Expires as if the retention were over for everything older than the oldest turn that still runs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def turn(self, turn: Turn) -> None:
        """Expire snapshots and tags of one table; branches stay, though by that clock all are dead."""
        lake = Lake.open(self.desk.settings)
        contract = lake.registry.get(self.desk.random.choice(EXPIRED))
        journals = (self.desk.folder / "journals").glob("*.jsonl")
        running = [since for path in journals if (since := Journal(path).busy_since()) is not None]
        horizon = datetime.fromtimestamp(min(running), UTC) - timedelta(seconds=1)
        now = horizon + contract.retain
        upkeep.recover_all(self.desk.settings)
        report = upkeep.expire_recovered(lake, contract.dataset, now)
        turn.commits += bool(report.details["snapshots"] or report.details["tags"])


class Withdrawer:
    """Withdraws a published day; at its next turn it publishes that day again."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.withdrawn: RunRequest | None = None

    def turn(self, turn: Turn) -> None:
        """Withdraw a day, or restore it."""
        if self.withdrawn is not None:
            self.desk.published(replayed=run(self.desk.settings, self.withdrawn).replayed)
            self.withdrawn = None
            return
        lake = Lake.open(self.desk.settings)
        dataset, day = self.desk.random.choice(CHAIN), self.desk.random.choice(DAYS)
        newest = history(lake, dataset).newest(day)
        if newest is not None and newest.state is not State.WITHDRAWN:
            withdraw(lake, newest, "a soak")
            turn.commits += 1
            self.withdrawn = RunRequest(dataset, day, day)


class Restorer:
    """Sets `main` of a table back to before its last publication; at its next turn it publishes those days again."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.lost: RunRequest | None = None

    def turn(self, turn: Turn) -> None:
        """Set back, or publish again."""
        if self.lost is not None:
            self.desk.published(replayed=run(self.desk.settings, self.lost).replayed)
            self.lost = None
            return
        table = Lake.open(self.desk.settings).table(self.desk.random.choice(CHAIN))
        line = list(refs.summaries(table))
        last = next((number for number, (_, summary) in enumerate(line) if PUBLICATION_ID in summary), len(line))
        if last + 1 >= len(line):
            return
        lost = Run.from_summary(line[last][1])
        # The journal line comes before the move: a reader that sees the move has to know of the line.
        publication = {"dataset": lost.dataset, "publication": lost.publication_id}
        self.desk.journal.write("set_back", **publication)
        try:
            refs.move_branch(table, refs.MAIN, line[last + 1][0], expected=line[0][0])
        except CommitConflictError:
            self.desk.journal.write("kept", **publication)
            raise
        turn.commits += 1
        self.lost = RunRequest(lost.dataset, lost.first_day, lost.last_day)


class Reader:
    """Reads everything and checks it."""

    def __init__(self, desk: Desk) -> None:
        self.witness = Witness(Lake.open(desk.settings), desk.folder)

    def turn(self, turn: Turn) -> None:
        """Look once at all tables."""
        before = self.witness.reads
        try:
            turn.violations.extend(self.witness.look())
        finally:
            turn.reads = self.witness.reads - before


#: The error text of a publication that was on `main` before `main` was set back.
SET_BACK = "was set back since"
#: Tables whose snapshots expire; the ledger's own do not.
EXPIRED = (*RAW, "raw.quarantine", *CHAIN)
#: The worker of each role, how many there are, and the seconds that one rests between two turns.
ROLES: dict[str, tuple[type[Worker], int, float]] = {
    "lander": (Lander, 2, 2.0),
    "publisher": (Publisher, 2, 0.0),
    "healer": (Healer, 1, 0.5),
    "compactor": (Compactor, 1, 3.0),
    "replacer": (Replacer, 1, 8.0),
    "expirer": (Expirer, 2, 3.0),
    "withdrawer": (Withdrawer, 1, 10.0),
    "restorer": (Restorer, 1, 12.0),
    "reader": (Reader, 2, 1.0),
}
