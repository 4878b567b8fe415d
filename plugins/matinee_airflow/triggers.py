"""What runs in the triggerer while a daily run waits for its inputs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from matinee.days import parse_day
from matinee.foreign import translated
from matinee.report import ErrorReport
from matinee.settings import Settings, load_settings

if TYPE_CHECKING:
    from matinee.contracts.registry import Registry

log = logging.getLogger(__name__)
#: The longest pause between two looks at a lake that does not answer.
LONGEST_S = 300.0


class ValidityTrigger(BaseTrigger):  # type: ignore[misc]
    """Looks every `poll_s` seconds whether the input days of a key are valid; logs which day is not, on change."""

    def __init__(self, dataset: str, key: str, poll_s: float) -> None:
        super().__init__()
        self.dataset = dataset
        self.key = key
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments from which the triggerer builds the trigger."""
        return (
            "matinee_airflow.triggers.ValidityTrigger",
            {"dataset": self.dataset, "key": self.key, "poll_s": self.poll_s},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the inputs are valid, or looking at them fails for good.

        A lake that does not answer is looked at again, ever more rarely.
        """
        told, failures = "", 0
        while True:
            try:
                waiting = await asyncio.to_thread(waits_for, load_settings(), self.dataset, self.key)
                failures = 0
            except Exception as error:  # noqa: BLE001 - the outermost call of a trigger
                ours = translated(error)
                if not ours.retryable:
                    yield TriggerEvent({"error": ErrorReport.of(ours).model_dump()})
                    return
                failures += 1
                waiting = f"The lake cannot be looked at ({failures} times in a row): {ours}"
            if not waiting:
                yield TriggerEvent({"valid": self.key})
                return
            if waiting != told:
                log.info("%s %s waits for:\n%s", self.dataset, self.key, waiting)
                told = waiting
            await asyncio.sleep(pause_s(self.poll_s, failures))


def pause_s(poll_s: float, failures: int) -> float:
    """Return the seconds until the next look, after so many looks in a row that failed."""
    return max(poll_s, min(poll_s * 2.0**failures, LONGEST_S))


def waits_for(settings: Settings, dataset: str, key: str) -> str:
    """Return the first input day that keeps a key from running, with the chain of reasons; empty if none does.

    Raises:
        DroppedError: the day, or a day that it reads, was dropped: it will not come.
        MatineeError: the lake cannot be looked at.
    """
    from matinee.table.catalog import Lake, catalog_errors
    from matinee.validity.validity import Validity

    with catalog_errors():
        validity = Validity(Lake.open(settings))
        contract = validity.lake.registry.get(dataset)
        day = parse_day(key)
        derivable = validity.require_derivable(contract, day)
        published = max(contract.touched_days(day, day)[0], derivable), day
        for spec in contract.inputs:
            for read in () if spec.optional else validity.read_days(contract, spec, *published):
                status = validity.readable(spec, read)
                if status.reason is not None:
                    return "\n".join(status.reason.lines())
    return ""


def matures_after(settings: Settings, dataset: str) -> timedelta:
    """Return how much later the inputs of a run come than they would if none were awaited as `mature`."""
    from matinee.contracts.registry import Registry

    registry = Registry.load(settings.sql_dir)
    # The run of a week begins with the day that is its key, that of a day after it.
    begun = timedelta(days=1) if registry.get(dataset).cadence.step > 1 else timedelta()
    return begun + _matures_after(registry, dataset)


def _matures_after(registry: "Registry", dataset: str) -> timedelta:
    later = timedelta()
    for spec in registry.get(dataset).inputs:
        upstream = registry.get(spec.dataset)
        ahead = [upstream.duration(each.lookahead) for each in upstream.inputs] if spec.waits_for == "mature" else []
        # The last day that is read ahead has to end, too.
        own = max(ahead) + timedelta(days=1) if ahead else timedelta()
        later = max(later, own + _matures_after(registry, spec.dataset))
    return later
