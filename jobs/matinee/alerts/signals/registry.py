"""Everything that the watcher looks at, by the resource that has to answer."""

from matinee.alerts.signals import (
    airflow,
    completeness,
    days,
    disk,
    engine,
    healing,
    parity,
    quarantine,
    rehash,
    serving,
    stream,
    upkeep,
)
from matinee.alerts.signals.sources import Source

SOURCES: tuple[Source, ...] = (
    Source(
        "catalog",
        {
            "days": (days.look, ("freshness",)),
            "completeness": (completeness.look, ("completeness",)),
            "quarantine": (quarantine.look, ("quarantine_share",)),
            "healing": (healing.look, ("healing",)),
            "stream": (stream.look, ("stream_lag",)),
            "parity": (parity.look, ("parity",)),
            "upkeep": (upkeep.look, ("upkeep",)),
            "serving": (serving.look, ("serving",)),
            "rehash": (rehash.look, ("upkeep",)),
        },
    ),
    Source("airflow", {"airflow": (airflow.look, ("failure", "time_to_complete", "upkeep"))}),
    Source("spark", {"spark": (engine.look, ())}),
    Source("disk", {"disk": (disk.look, ("disk",))}),
)
