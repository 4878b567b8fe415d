"""`matinee serve`: the service that answers from the active versions."""

import logging
import signal
from threading import Event

import click

from matinee.cli.output import emit_one, output_option
from matinee.contracts.registry import Registry
from matinee.errors import UsageError
from matinee.settings import load_settings


@click.command()
@click.argument("datasets", metavar="[DATASET]...", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), help="Default: MATINEE_SERVING_PORT; 0: any free port.")
@output_option
def serve(datasets: tuple[str, ...], port: int | None, output: str) -> None:
    """Answer calls by gRPC from the active versions of DATASETs (default: all that are served), until stopped.

    Clients show the bearer token of <home>/run/serving.token. A version that is activated is opened beside the old
    version, and takes its place between two calls.

    \b
    Example:
      matinee serve features.title_daily --port 50051
    """
    from matinee.serving.declaration import every_served, load
    from matinee.serving.server.service import serving
    from matinee.serving.settings import ServingSettings

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings, limits = load_settings(), ServingSettings()
    registry = Registry.load(settings.sql_dir)
    names = [load(registry.get(name)).dataset for name in datasets] or every_served(registry, settings.sql_dir)
    if not names:
        raise UsageError("No dataset is served.", next_step="Write a serve.yaml beside a contract.")
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if port is not None:
        limits = limits.model_copy(update={"port": port})
    with serving(settings, limits, names) as service:
        emit_one({"serving": service.address, "datasets": names}, output)
        service.run(stopped)
