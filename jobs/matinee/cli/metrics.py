"""`matinee metrics`: what Prometheus is told of the lake."""

import signal
from pathlib import Path
from threading import Event

import click

from matinee.cli.output import emit_one, output_option
from matinee.settings import load_settings


@click.group()
def metrics() -> None:
    """Metrics for Prometheus: trust, landing, publications, stream, heals, failures; rules in deploy/prometheus/."""


@metrics.command()
@click.option("--port", type=int, default=9464, show_default=True, help="0: any free port.")
@output_option
def serve(port: int, output: str) -> None:
    """Answer Prometheus on the loopback interface, until stopped; each answer is a new look at the lake.

    \b
    Example:
      matinee metrics serve --port 9464
    """
    from matinee.metrics.collector import all_metrics
    from matinee.metrics.exposition import serving

    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with serving(all_metrics(load_settings()), port) as address:
        emit_one({"serving": address}, output)
        stopped.wait()


@metrics.command()
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file NAME.prom in the folder of the node exporter's textfile collector.",
)
@output_option
def write(to: Path, output: str) -> None:
    """Write the metrics to a file, whole or not at all; call it from a timer.

    \b
    Example:
      matinee metrics write --to /var/lib/prometheus/node-exporter/matinee.prom
    """
    from matinee.metrics.collector import all_metrics
    from matinee.metrics.exposition import write as write_file

    write_file(all_metrics(load_settings()), to)
    emit_one({"file": to}, output)
