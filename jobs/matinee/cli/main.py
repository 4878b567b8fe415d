"""`matinee`: the command line. Exit 0 done, 1 failed, 2 the call itself is wrong."""

import json
import sys
from importlib import import_module

import click

from matinee import __version__
from matinee.errors import MatineeError, UnknownDatasetError, UsageError
from matinee.report import ErrorReport

COMMANDS = {
    "ingest": "matinee.cli.ingest:ingest",
    "run": "matinee.cli.run:run",
    "audit": "matinee.cli.run:audit",
    "query": "matinee.cli.query:query",
    "pin": "matinee.cli.pins:pin",
    "simulate": "matinee.cli.simulate:simulate",
    "doctor": "matinee.cli.doctor:doctor",
    "vtts": "matinee.cli.vtts:vtts",
    "publications": "matinee.cli.publications:publications",
    "pins": "matinee.cli.pins:pins",
    "day": "matinee.cli.day:day",
    "dataset": "matinee.cli.dataset:dataset",
    "lake": "matinee.cli.lake:lake",
    "landing": "matinee.cli.landing:landing",
    "backfill": "matinee.cli.backfill:backfill",
    "late": "matinee.cli.late:late",
    "heal": "matinee.cli.heal:heal",
    "stream": "matinee.cli.stream:stream",
    "contract": "matinee.cli.contract:contract",
    "failure": "matinee.cli.failure:failure",
}


class LazyGroup(click.Group):
    """Commands are imported when they are used, so `--help` costs no Spark."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of COMMANDS: bare verbs first, then nouns."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="matinee")
def cli() -> None:
    """Impressions and plays: landed, published, audited, fresh.

    The lake is chosen by MATINEE_HOME (default: .matinee/ in the checkout); MATINEE_CATALOG and the other settings
    are explained in deploy/env/.

    \b
    Example:
      matinee simulate --days 3 --to landing/
      matinee ingest --from landing/
      matinee run core.impressions --from 2026-03-01 --to 2026-03-03
      matinee vtts list
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a typed error becomes one message and an exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        # Outside its standalone mode click returns the code of an Exit instead of exiting with it.
        # A call with arguments comes from a program that goes on: its process is not the command's own.
        if code := cli.main(args=given, prog_name="matinee", standalone_mode=False, obj=arguments is None):
            sys.exit(code)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except MatineeError as error:
        _show(error, "json" in given and "--output" in given)
        sys.exit(2 if isinstance(error, UsageError | UnknownDatasetError) else 1)


def _show(error: MatineeError, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": ErrorReport.of(error).model_dump()}, indent=2), err=True)
        return
    click.secho(f"{type(error).__name__.removesuffix('Error')}: {error.message}", fg="red", err=True)
    click.echo(f"  next: {error.next_step}", err=True)


if __name__ == "__main__":
    main()
