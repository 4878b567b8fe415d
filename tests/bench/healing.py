"""Healing: what late rows of one bucket cost, beside deriving their days again in full, and what a replay costs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from matinee.healing.late import stale_days
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.report import Report, timed
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.snapshots import added_files
from tests.bench import engines, machine
from tests.bench.contenders import Contender
from tests.bench.events import SEED, SKEWS, Skew
from tests.bench.inputs import CHAIN, built_input, output_files
from tests.bench.jobs import Job
from tests.bench.late import BUCKETS, LATE_SHARE
from tests.bench.moving import Moves, measure_moving
from tests.bench.plots import plot_outcomes
from tests.bench.ratios import Ratio
from tests.bench.rounds import Rounds
from tests.bench.sizes import size_name
from tests.bench.tables import print_outcomes, print_ratios, print_seconds
from tests.bench.timings import Outcome, Timing, outcome

ROWS_TARGET, TIME_TARGET, MOVE_TARGET_S = 0.03, 0.25, 1.0


def heal(settings: Settings, job: Job) -> dict[str, list[str]]:
    """Heal what is stale, from the look for it to the last publication."""
    lake, counts = Lake.open(settings), Counter[str]()
    with timed(job.seconds, "scan"):
        reports = [
            run(settings, RunRequest(stale.dataset, stale.day, stale.day, heal=True)) for stale in stale_days(lake)
        ]
    _split(job, "scan", reports)
    for report in reports:
        added = added_files(lake.table(report.dataset), report.snapshot_id or 0)
        counts[f"{report.dataset} rewritten"] += sum(file.record_count for file in added)
        counts[f"{report.dataset} rows"] += report.rows.out
    job.counts.update(counts)
    return output_files(settings, job.input.day, CHAIN)


def recompute(settings: Settings, job: Job) -> dict[str, list[str]]:
    """Derive the whole day again, as if nothing of it were published."""
    day = job.input.day
    with timed(job.seconds, "other"):
        reports = [run(settings, RunRequest(dataset, day, day)) for dataset in CHAIN]
    _split(job, "other", reports)
    return output_files(settings, day, CHAIN)


def _split(job: Job, whole: str, reports: Sequence[Report]) -> None:
    """Take the seconds of the reports' steps out of those of the whole."""
    for report in reports:
        for step, seconds in report.seconds.items():
            name = f"{report.dataset} {step}"
            job.seconds[name] = round(job.seconds.get(name, 0.0) + seconds, 3)
            job.seconds[whole] = round(job.seconds[whole] - seconds, 3)


HEALERS = {
    contender.name: contender
    for contender in (
        Contender("heal-spark", "spark", engines.cycle_on_spark, heal, "cycle"),
        Contender("full-spark", "spark", engines.cycle_on_spark, recompute, "cycle"),
        Contender("heal-sail", "sail", engines.cycle_on_sail, heal, "cycle"),
        Contender("full-sail", "sail", engines.cycle_on_sail, recompute, "cycle"),
    )
}


@dataclass(frozen=True)
class Healing:
    """What one call measured, by skew: the heals beside the full recomputes; and the moves of `main`, by engine."""

    rows: int
    limit_s: float
    document: dict[str, object]
    outcomes: dict[Skew, list[Outcome]]
    moves: dict[str, dict[str, float]]
    ratios: list[Ratio]

    @property
    def failures(self) -> list[str]:
        """The contenders that failed, and the moves that did not end."""
        failed = [
            f"{healer.name} ({skew})"
            for skew, outcomes in self.outcomes.items()
            for healer in outcomes
            if healer.failure
        ]
        return failed + [f"moves of main ({engine})" for engine, medians in self.moves.items() if not medians]

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"heal-{size_name(self.rows)}"

    def print(self) -> None:
        """Print its tables."""
        for skew, outcomes in self.outcomes.items():
            title = f"{LATE_SHARE:.0%} of a bucket of {BUCKETS} late, {size_name(self.rows)} impressions, {skew}"
            print_outcomes(title, outcomes, self.limit_s)
        rows = [(engine, move, seconds) for engine, medians in self.moves.items() for move, seconds in medians.items()]
        print_seconds("From the call of publish to the new head", ("engine", "dataset"), rows)
        print_ratios(self.ratios)

    def save(self, folder: Path) -> None:
        """Write its JSON and a plot for each skew."""
        (folder / f"{self.name}.json").write_text(json.dumps(self.document, indent=2) + "\n")
        for skew, outcomes in self.outcomes.items():
            title = f"{size_name(self.rows)} impressions, {skew}: heal of a bucket of {BUCKETS}, and all of it"
            plot_outcomes(folder / f"{self.name}-{skew}.png", title, outcomes, self.limit_s)


def measure_heal(folder: Path, rows: int, of_ours: Sequence[str], rounds: int, limit_s: float) -> Healing:
    """Build the inputs if need be, heal and recompute each of them, and publish onto a `main` that moved.

    Raises:
        DisagreementError: a healed table is not what a full recompute derives.
        ChildFailedError: see `Rounds.run`.
    """
    before = machine.facts()
    contenders = [healer for healer in HEALERS.values() if healer.engine in of_ours]
    runs: dict[Skew, Rounds] = {}
    for skew in SKEWS:
        click.echo(f"heal of {size_name(rows)} rows, {skew}", err=True)
        runs[skew] = Rounds(built_input(folder, rows, skew, late=True), folder, limit_s)
        runs[skew].run(contenders, rounds)
    outcomes = {skew: [outcome(healer, measured.timings) for healer in contenders] for skew, measured in runs.items()}
    moves = measure_moving(folder, of_ours, limit_s)
    ratios = [ratio for skew, measured in runs.items() for ratio in heal_ratios(skew, outcomes[skew], measured.timings)]
    ratios += _move_ratios(moves)
    document: dict[str, object] = {
        "rows": {skew: measured.input.rows for skew, measured in runs.items()},
        "buckets": BUCKETS,
        "late_share": LATE_SHARE,
        "seed": SEED,
        "limit_s": limit_s,
        "machine": before,
        "timings": {skew: [asdict(timing) for timing in measured.timings] for skew, measured in runs.items()},
        "contenders": {skew: [asdict(healer) for healer in of_skew] for skew, of_skew in outcomes.items()},
        "moves": {engine: asdict(moved) for engine, moved in moves.items()},
        "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in ratios],
        "agreed": {skew: dict(measured.agreed) for skew, measured in runs.items()},
    }
    return Healing(rows, limit_s, document, outcomes, {name: moved.medians for name, moved in moves.items()}, ratios)


def _move_ratios(moves: Mapping[str, Moves]) -> list[Ratio]:
    return [
        Ratio(f"{engine}: {name}, median seconds", "publish", seconds, MOVE_TARGET_S)
        for engine, moved in moves.items()
        for name, seconds in moved.medians.items()
        if name.endswith("replayed")
    ]


def heal_ratios(skew: Skew, outcomes: Sequence[Outcome], timings: Sequence[Timing]) -> list[Ratio]:
    """Return rows and seconds of each engine's heal over those of the full recompute; only uniform has targets."""
    by_name: Mapping[str, Outcome] = {healer.name: healer for healer in outcomes}
    ratios = []
    for name in (name for name in by_name if name.startswith("heal-")):
        full = name.replace("heal", "full")
        counts = next((timing.counts for timing in timings if timing.contender == name and timing.counts), {})
        rewritten = sum(count for what, count in counts.items() if what.endswith("rewritten"))
        whole = sum(count for what, count in counts.items() if what.endswith("rows"))
        targets = (ROWS_TARGET, TIME_TARGET) if skew == "uniform" else (None, None)
        if whole:
            ratios.append(
                Ratio(f"{name}, {skew}: rows rewritten / rows of the days", "rows", rewritten / whole, targets[0])
            )
        ours, theirs = by_name[name].seconds, by_name[full].seconds
        if ours is not None and theirs is not None:
            ratios.append(Ratio(f"{name} / {full}, {skew}", "cycle", ours / theirs, targets[1]))
    return ratios
