"""`python -m matinee.stack up|down|status`: the embedded lakehouse from the command line; exit 0 done, 1 failed."""

import sys
from shlex import quote

import click

from matinee import entry
from matinee.engine.access import VARIABLE
from matinee.settings import load_settings
from matinee.stack import supervisor
from matinee.stack.environment import StackSettings
from matinee.stack.launcher import start, status, stop


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def stack() -> None:
    """Start, stop and look at the embedded lakehouse of MATINEE_HOME."""


@stack.command()
def up() -> None:
    """Start Spark and Airflow on 127.0.0.1 and leave them running."""
    running = start(load_settings(), click.echo)
    click.echo(f"Airflow: {running.airflow_url} (no login; the DAGs are paused until you switch them on)")
    click.echo(f"Spark:   SPARK_REMOTE={running.spark_remote}; `matinee` commands on this lake use it by themselves")
    home = running.settings.home.absolute()
    click.echo(f'Token:   {VARIABLE}="$(cat {home}/run/spark-connect.token)" for other clients of Spark')
    click.echo(f"Logs:    {running.settings.run_dir.absolute()}")
    click.echo(f"Stop:    MATINEE_HOME={quote(str(home))} make down")


@stack.command(hidden=True)
def supervise() -> None:
    """Start the engine again whenever it dies: a process of the stack, not a command for people."""
    supervisor.supervise(load_settings(), StackSettings().spark_port)


@stack.command()
def down() -> None:
    """Stop what runs; the lake and Airflow's history stay."""
    stopped = stop(load_settings())
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing runs")


@stack.command(name="status")
def show() -> None:
    """Show each component; exit 1 unless all of them run."""
    components = status(load_settings())
    for each in components:
        click.echo(f"{each.name:22} {f'pid {each.pid}' if each.pid else 'stopped':12} {each.log}")
    if not all(each.pid for each in components):
        sys.exit(1)


if __name__ == "__main__":
    entry.run(stack, "python -m matinee.stack")
