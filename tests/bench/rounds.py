"""Rounds: every contender once a round, each in a process of its own, so that a noisy minute hits all alike."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.bench.contenders import Contender
from tests.bench.inputs import Input
from tests.bench.jobs import CORES
from tests.bench.processes import Child, ChildFailedError, run_child
from tests.bench.timings import Timing, best_options
from tests.bench.verification import disagreements


class DisagreementError(Exception):
    """Contenders wrote different results."""


@dataclass
class Rounds:
    """The runs of a call on one input: where they work, their limit, and what they have measured so far."""

    input: Input
    folder: Path
    limit_s: float
    timings: list[Timing] = field(default_factory=list)
    _fingerprints: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def run(self, contenders: Sequence[Contender], count: int) -> None:
        """Run that many rounds; what the first one wrote is compared. A contender that fails does not stop the others.

        Raises:
            DisagreementError: naming contenders and columns.
            ChildFailedError: an output cannot be read.
        """
        for number in range(1, count + 1):
            for contender in contenders:
                for options in self._options(contender, number, count):
                    self._one(contender, number, options)
            if number == 1:
                self._compare()

    def _options(self, contender: Contender, number: int, count: int) -> Sequence[Mapping[str, str]]:
        if number == 1:
            # A single round compares results, not settings.
            return contender.settings if count > 1 else contender.settings[:1]
        best = best_options(timing for timing in self.timings if timing.contender == contender.name)
        return () if best is None else (best,)

    def _one(self, contender: Contender, number: int, options: Mapping[str, str]) -> None:
        work = self.folder.absolute() / "work"
        shutil.rmtree(work, ignore_errors=True)
        log = self.folder.absolute() / "logs" / f"{contender.name}.log"
        # The environment sets the folder in which Spark spills and the number of Polars' threads.
        environment = os.environ | {
            "SPARK_LOCAL_DIRS": str(work / "spark"),
            "POLARS_MAX_THREADS": str(CORES),
        }
        given = [part for name, value in options.items() for part in ("--option", f"{name}={value}")]
        places = ["--input", str(self.input.folder), "--output-dir", str(work / "output")]
        child, failure = Child(None, 0), None
        try:
            child = run_child(["contend", contender.name, *places, *given], environment, log, self.limit_s)
        except ChildFailedError as error:
            failure = str(error)
        answer = child.answer or {"seconds": None, "steps": {}, "counts": {}}
        measured = (answer["seconds"], answer["steps"], child.peak_bytes, failure, answer["counts"])
        self.timings.append(Timing(contender.name, number, options, *measured))
        _progress(self.timings[-1], self.limit_s)
        if number == 1 and child.answer is not None and not contender.floor:
            self._take_fingerprint(contender, options, log.with_suffix(".json"), environment)
        shutil.rmtree(work, ignore_errors=True)

    def _take_fingerprint(
        self, contender: Contender, options: Mapping[str, str], written: Path, environment: dict[str, str]
    ) -> None:
        log = written.with_name("fingerprint.log")
        child = run_child(["fingerprint", str(written)], environment, log, self.limit_s)
        assert child.answer is not None
        self._fingerprints[" ".join((contender.name, *options.values()))] = child.answer

    def _compare(self) -> None:
        differing = disagreements(self._fingerprints)
        if differing:
            named = "; ".join(f"{contender}: {', '.join(columns)}" for contender, columns in differing.items())
            raise DisagreementError(f"The results differ. {named}")
        click.echo(f"{len(self._fingerprints)} results agree in every column", err=True)

    @property
    def agreed(self) -> Mapping[str, str]:
        """The fingerprint that all of them have."""
        return next(iter(self._fingerprints.values()), {})


def _progress(timing: Timing, limit_s: float) -> None:
    ended = timing.failure or f"did not end in {limit_s:g} s"
    took = ended if timing.seconds is None else f"{timing.seconds:.2f} s"
    chosen = "".join(f" {name.removeprefix('spark.sql.')}={value}" for name, value in timing.options.items())
    memory = f"{timing.peak_bytes / 1e9:.1f} GB"
    click.echo(f"round {timing.round}  {timing.contender}{chosen}: {took}, {memory}", err=True)
