"""Failed steps by their classes, for Prometheus: from the reports that steps left in the home."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric

from matinee.metrics.gauges import gauge
from matinee.readout.patterns import typed
from matinee.report import Report
from matinee.settings import Settings


def failures(settings: Settings) -> Iterator[Metric]:
    """Yield how many reports tell of a failure, by step and class."""
    seen: Counter[tuple[str, str]] = Counter()
    known = typed()
    for path in (settings.run_dir / "reports").glob("*.json"):
        try:
            report = Report.read(path)
        except ValueError:  # Of another version, perhaps: it hides no other report.
            seen["unknown", "unknown"] += 1
            continue
        if report.error is not None:
            seen[report.step, str(known.get(report.error.type, {}).get("class", "unknown"))] += 1
    text = "Failed tries of steps, of the reports that are kept."
    yield gauge("failed_steps", text, ("step", "class"), [(names, tries) for names, tries in sorted(seen.items())])
