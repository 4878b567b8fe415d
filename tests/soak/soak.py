"""One soak on one lake: begin, run the workers, bring the lake to rest, judge."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from matinee.settings import Settings
from tests.soak.fleet import Fleet
from tests.soak.settling import begin, judge, settle
from tests.soak.summary import Outcome, gather, progress

TOLD_S = 10.0
#: The mean time between two kills of a publisher.
KILL_S = 12.0


def soak(
    settings: Settings,
    folder: Path,
    seconds: float,
    seed: int,
    told: Callable[[str], None],
    patience_s: float = 0,
) -> Outcome:
    """Run all workers on a new lake for some seconds, then compare it with a full recompute.

    Args:
        settings: of a lake without tables; `spark_remote` names a server that runs.
        folder: a new one, for files, journals and logs.
        seconds: how long the workers have, from when all of them are ready.
        seed: of all random numbers; the outcome also depends on which worker is quicker.
        told: called with a line of progress now and then.
        patience_s: how much longer they have until each role has come to something and a publisher was killed.
    """
    settings = settings.model_copy(update={"engine": "sail"})
    told(f"{settings.catalog}: landing and publishing the first days")
    begin(settings, folder, seed)
    with Fleet(settings, folder, seed) as fleet:
        fleet.wait_until_ready()
        start = time.monotonic()
        _watch(fleet, start, seconds, patience_s, told)
        fleet.stop()
        outcome = gather(fleet, settings.catalog, time.monotonic() - start)
    told(f"{settings.catalog}: all at rest; healing the rest, then a full recompute")
    outcome.violations += settle(settings)
    outcome.violations += judge(settings, folder)
    return outcome


def _watch(fleet: Fleet, start: float, seconds: float, patience_s: float, told: Callable[[str], None]) -> None:
    """Kill publishers and report progress until the time is over or a worker has died."""
    random = Random(f"{fleet.seed} kills")  # noqa: S311 - chance, no secrets
    next_told, next_kill = start + TOLD_S, start + random.uniform(0.5, 1.0) * KILL_S
    while (now := time.monotonic()) < start + seconds + patience_s and not fleet.died:
        fleet.watch()
        if now >= next_kill:
            fleet.kill_one(random)
            next_kill = now + random.uniform(0.5, 1.5) * KILL_S
        if now >= next_told:
            outcome = gather(fleet, fleet.settings.catalog, now - start)
            told(progress(outcome))
            next_told += TOLD_S
            if now >= start + seconds and outcome.complete:
                return
        time.sleep(0.1)
