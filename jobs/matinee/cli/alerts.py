"""`matinee alerts`: the watcher, its rules, its channels and its maintenance windows."""

import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from matinee.cli.options import LENGTH, user
from matinee.cli.output import ERR, OUT, emit, emit_one, output_option
from matinee.errors import MatineeError
from matinee.settings import load_settings

if TYPE_CHECKING:
    from matinee.alerts.watcher import Turn


@click.group()
def alerts() -> None:
    """Alerts: who is told of what, and when."""


@alerts.command()
@click.option("--every", type=LENGTH, default="60s", show_default=True, help="From one look to the next.")
@click.option("--once", is_flag=True, help="Look once.")
@output_option
def watch(every: timedelta, once: bool, output: str) -> None:
    """Look at the lake, Airflow and the machine, open incidents and tell people, until stopped.

    Of several watchers the holder of the journal's lease looks; the others stand by. `make up` starts a watcher.

    \b
    Example:
      matinee alerts watch --every 60s
    """
    from matinee.alerts.settings import AlertSettings
    from matinee.alerts.signals.registry import SOURCES
    from matinee.alerts.watcher import Watcher
    from matinee.alerts.watcher import watch as go_on
    from matinee.sinks.channels import open_channel

    holder = f"{socket.gethostname()}-{os.getpid()}"
    clock = lambda: datetime.now(UTC)  # noqa: E731 - the clock of the outermost command
    watcher = Watcher(load_settings(), AlertSettings(), SOURCES, open_channel, holder, clock, every=every)
    try:
        go_on(watcher, lambda turn: _tell(turn, output), turns=1 if once else None)
    finally:
        watcher.close()


def _tell(turn: "Turn | MatineeError", output: str) -> None:
    if isinstance(turn, MatineeError):
        ERR.print(str(turn))
        return
    facts = {
        "at": turn.at,
        "signals": turn.signals,
        "changes": [f"{each.incident.incident_id} {each.event or 'noted'}: {each.why}" for each in turn.changes],
        "blind": list(turn.blind),
        "held_by": turn.held_by or None,
        "spooled": turn.spooled or None,
    }
    if output == "json":
        emit_one(facts, output)
        return
    if turn.held_by:
        OUT.print(f"{turn.at:%H:%M:%S} standing by for {turn.held_by}")
    for change in turn.changes:
        incident = change.incident
        word = change.event.value if change.event else "noted"
        OUT.print(f"{turn.at:%H:%M:%S} {incident.incident_id} {word} ({incident.severity}): {incident.cause}")


@alerts.command()
@output_option
def check(output: str) -> None:
    """Show what is wrong with the rules in sql/alerts/ and their runbooks; exit 1 where anything is.

    \b
    Example:
      matinee alerts check --output json
    """
    from matinee.alerts.rules.loader import Known, look
    from matinee.alerts.settings import alerts_folder
    from matinee.contracts.registry import Registry
    from matinee.sinks.channels import CHANNELS

    settings = load_settings()
    contracts = Registry.load(settings.sql_dir).all()
    datasets = {contract.dataset: contract.freshness != timedelta.max for contract in contracts}
    rules, problems = look(alerts_folder(settings), Known(datasets, channels=CHANNELS, parse=_wrong_call))
    rows = [
        {"file": str(each.file), "line": each.line, "reason": each.reason, "next": each.next_step} for each in problems
    ]
    emit(rows, output, empty=f"{len(rules)} rules are right.")
    if problems:
        sys.exit(1)


def _wrong_call(arguments: Sequence[str]) -> str | None:
    """Say why a call of `matinee` is wrong, without making the call; None where the call is right."""
    from matinee.cli.main import cli

    command: click.Command | None = cli
    context, words = click.Context(cli, info_name="matinee"), [*arguments]
    try:
        while isinstance(command, click.Group):
            name, command, words = command.resolve_command(context, words)
            if command is not None:
                context = click.Context(command, parent=context, info_name=name)
        if command is not None:
            command.parse_args(context, words)
    except click.exceptions.Exit:  # --help
        return None
    except click.UsageError as error:
        return error.format_message()
    return None


@alerts.command(name="test-channel")
@click.argument("route", metavar="CHANNEL:CONNECTION")
@output_option
def test_channel(route: str, output: str) -> None:
    """Send a message through CHANNEL:CONNECTION, then say that the matter is over.

    \b
    Example:
      matinee alerts test-channel slack:slack_default
    """
    from matinee.alerts.settings import parse_routes
    from matinee.alerts.trial import trial
    from matinee.errors import UsageError
    from matinee.sinks.channels import open_channel

    try:
        [named] = parse_routes(route)
    except ValueError as error:
        raise UsageError(str(error), next_step="Write slack:slack_default, for example.") from error
    home = load_settings().home
    trial(open_channel(named.channel, named.connection), home, user(), datetime.now(UTC))
    emit_one({"channel": str(named), "took": "a message, and its end"}, output)


@alerts.group()
def window() -> None:
    """Maintenance windows: times in which nobody is told of some causes; incidents are opened all the same."""


@window.command(name="open")
@click.argument("subjects", nargs=-1, required=True, metavar="PATTERN…")
@click.option("--for", "length", type=LENGTH, required=True, help="For how long, from now on, such as 2h.")
@click.option("--reason", "why", required=True, metavar="TEXT", help="Why; it is recorded with your name.")
@output_option
def open_(subjects: tuple[str, ...], length: timedelta, why: str, output: str) -> None:
    """Tell nobody of causes whose subject matches a PATTERN: a dataset, a resource such as `catalog`, or `*`.

    \b
    Example:
      matinee alerts window open catalog 'core.*' --for 2h --reason "the catalog moves to another server"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import open_window

    now = datetime.now(UTC)
    with opened() as journal:
        opened_now = open_window(journal, subjects, now, now + length, user(), why, now)
    emit_one({"window": opened_now.window_id, "end": opened_now.end}, output)


@window.command(name="list")
@output_option
def list_(output: str) -> None:
    """Show the windows and silences that are not over.

    \b
    Example:
      matinee alerts window list
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.journal.tables import WINDOWS

    now = datetime.now(UTC)
    with opened() as journal, journal.begin() as entries:
        rows = [
            {
                "window": each.window_id,
                "about": str(each.identity) if each.identity else " ".join(each.subjects),
                "begin": each.begin,
                "end": each.end,
                "who": each.who,
                "why": each.why,
            }
            for each in entries.all(WINDOWS)
            if each.end > now
        ]
    emit(rows, output, empty="No window is open.")


@window.command()
@click.argument("window_id", metavar="WINDOW")
@output_option
def end(window_id: str, output: str) -> None:
    """End WINDOW now: people are told again.

    \b
    Example:
      matinee alerts window end window-20260301-041200-3fa9
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import end_window

    with opened() as journal:
        ended = end_window(journal, window_id, datetime.now(UTC))
    emit_one({"window": ended.window_id, "end": ended.end}, output)
