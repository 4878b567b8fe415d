"""`matinee`: the command line. Exit 0 done, 1 failed, 2 the call itself is wrong; 130 and 141 are those of signals."""

import os
import sys
from importlib import import_module

import click
from click.shell_completion import shell_complete

from matinee import __version__, entry

#: Shells set this variable to ask for completions.
COMPLETE = "_MATINEE_COMPLETE"
COMMANDS = {
    "ingest": "matinee.cli.ingest:ingest",
    "run": "matinee.cli.run:run",
    "audit": "matinee.cli.run:audit",
    "query": "matinee.cli.query:query",
    "pin": "matinee.cli.pins:pin",
    "simulate": "matinee.cli.simulate:simulate",
    "serve": "matinee.cli.serve:serve",
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
    "metrics": "matinee.cli.metrics:metrics",
    "incident": "matinee.cli.incident:incident",
    "alerts": "matinee.cli.alerts:alerts",
    "kv": "matinee.cli.kv:kv",
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
    are explained in deploy/env/. MATINEE_TRACEBACK=1 adds the traceback to an error.

    \b
    Example:
      matinee simulate --days 3 --to landing/
      matinee ingest --from landing/
      matinee run core.impressions --from 2026-03-01 --to 2026-03-03
      matinee vtts list
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; whatever is raised becomes one message and an exit code."""
    if asked := os.environ.get(COMPLETE):
        sys.exit(shell_complete(cli, {}, "matinee", COMPLETE, asked))
    entry.run(cli, "matinee", arguments)


if __name__ == "__main__":
    main()
