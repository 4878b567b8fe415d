"""The outcome of a soak: what each role came to, what went wrong, and how often each invariant did not hold."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.soak.fleet import Fleet
from tests.soak.invariants import INVARIANTS, Violation
from tests.soak.roles import ROLES

OUT = Console(soft_wrap=True, width=140)
CONFLICT, REFUSAL = "CommitConflictError", "StaleInputsError"


@dataclass
class Tally:
    """The counts of the turns of one role.

    Conflicts and refusals are counted where they were met, also if the work was run again on the spot; `unfinished` are
    the turns that ended with one of them or with an input that is not valid, by type.
    """

    turns: int = 0
    commits: int = 0
    conflicts: int = 0
    replays: int = 0
    refusals: int = 0
    reads: int = 0
    unfinished: dict[str, int] = field(default_factory=dict)

    def add(self, line: dict[str, Any]) -> None:
        """Add a publication or a turn from its line of a journal."""
        if line["kind"] == "published":
            self.commits += 1
            self.replays += line["replayed"]
        if line["kind"] != "ended":
            return
        self.turns += 1
        self.commits += line["commits"]
        self.conflicts += line["met"].get(CONFLICT, 0)
        self.refusals += line["met"].get(REFUSAL, 0)
        self.reads += line["reads"]
        if line["ended_by"] and not line["trace"]:
            self.unfinished[line["ended_by"]] = self.unfinished.get(line["ended_by"], 0) + 1


@dataclass
class Outcome:
    """All of one soak; `errors` are what nobody expects: tracebacks, and workers that died."""

    catalog: str
    seconds: float
    seed: int
    kills: int = 0
    roles: dict[str, Tally] = field(default_factory=lambda: {role: Tally() for role in ROLES})
    errors: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return not self.errors and not self.violations

    @property
    def complete(self) -> bool:
        """Whether every role has come to something, and a publisher was killed."""
        return self.kills > 0 and all(tally.commits or tally.reads for tally in self.roles.values())

    @property
    def invariants(self) -> dict[str, int]:
        """How often each invariant did not hold."""
        counts = Counter(violation.invariant for violation in self.violations)
        return {name: counts[name] for name in INVARIANTS}

    def document(self) -> dict[str, object]:
        """Return all of it as plain values."""
        return {**asdict(self), "invariants": self.invariants, "passed": self.passed}


def gather(fleet: Fleet, catalog: str, seconds: float) -> Outcome:
    """Return what the journals say so far."""
    outcome = Outcome(catalog, seconds, fleet.seed, fleet.kills, errors=list(fleet.died))
    for member in fleet.members:
        for line in fleet.journal(member).lines():
            outcome.roles[member.role].add(line)
            outcome.violations += [Violation(**violation) for violation in line.get("violations", ())]
            if line.get("trace"):
                outcome.errors.append(f"{member.name}: {line['trace']}")
    return outcome


def progress(outcome: Outcome) -> str:
    """Return one line of progress."""
    commits = " · ".join(f"{role} {tally.commits}" for role, tally in outcome.roles.items() if role != "reader")
    conflicts, replays = (
        sum(getattr(tally, of) for tally in outcome.roles.values()) for of in ("conflicts", "replays")
    )
    return (
        f"{outcome.catalog} {outcome.seconds:4.0f} s  {commits}  conflicts {conflicts}  replays {replays}  "
        f"kills {outcome.kills}  reads {outcome.roles['reader'].reads}  "
        f"violations {len(outcome.violations)}  errors {len(outcome.errors)}"
    )


def show(outcomes: Iterable[Outcome]) -> None:
    """Print the tables, then whatever went wrong."""
    for outcome in outcomes:
        title = f"{outcome.catalog}: {outcome.seconds:.0f} s, seed {outcome.seed}, {outcome.kills} publishers killed"
        table = Table(title=title, title_justify="left")
        columns = ("turns", "commits", "conflicts", "replays", "refusals", "reads")
        for name in ("role", *columns, "ended without a result"):
            table.add_column(name, justify="right" if name in columns else "left")
        for role, tally in outcome.roles.items():
            ended = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.unfinished.items()))
            table.add_row(role, *(str(getattr(tally, name)) for name in columns), ended or "-")
        OUT.print(table)
        OUT.print("  ".join(f"{name} {count}" for name, count in outcome.invariants.items()), highlight=False)
        for violation in outcome.violations[:20]:
            OUT.print(
                f"VIOLATION {violation.invariant} {violation.dataset}: {violation.detail}",
                markup=False,
                highlight=False,
            )
        for error in outcome.errors[:20]:
            OUT.print(f"ERROR {error}", markup=False, highlight=False)
        OUT.print("passed" if outcome.passed else "FAILED")
