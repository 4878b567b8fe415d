"""`matinee alerts`: the watcher, its rules, its channels and its maintenance windows."""

import logging
import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matinee.cli.options import LENGTH, user
from matinee.cli.output import ERR, OUT, emit, emit_one, output_option
from matinee.days import end_of, parse_day, start_of
from matinee.errors import MatineeError, UsageError
from matinee.settings import load_settings

if TYPE_CHECKING:
    from matinee.alerts.watcher import Turn


log = logging.getLogger(__name__)


@click.group()
def alerts() -> None:
    """Alerts: who is told of what, and when."""


@alerts.command()
@click.option("--every", type=LENGTH, help="From one look to the next.  [default: MATINEE_ALERTS_EVERY, 60s]")
@click.option("--once", is_flag=True, help="Look once.")
@output_option
def watch(every: timedelta | None, once: bool, output: str) -> None:
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

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Whoever stops the watcher waits for the lease, too.
    holder = f"{socket.gethostname()}-{os.getpid()}"
    clock = lambda: datetime.now(UTC)  # noqa: E731 - the clock of the outermost command
    ours = AlertSettings()
    if ours.alerts_airflow is None:
        log.warning("MATINEE_ALERTS_AIRFLOW is not set: no task that fails is seen, and no run that takes long.")
    if not ours.route:
        log.warning("MATINEE_ALERTS_ROUTE is not set: nobody is told of what rules find that name no route.")
    watcher = Watcher(load_settings(), ours, SOURCES, open_channel, holder, clock, every=every or ours.every)
    try:
        go_on(watcher, lambda turn: _tell(turn, output), turns=1 if once else None)
    finally:
        watcher.close()


@alerts.command()
@output_option
def check(output: str) -> None:
    """Check the rules of sql/alerts/ and their runbooks; exit 1 if something is wrong.

    Each mistake has its file, its line, the reason and the next step. Right rules must also keep their budgets in
    the last four weeks, by the recorded signals.

    \b
    Example:
      matinee alerts check --output json
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.rules.checking import check as problems_of
    from matinee.alerts.rules.checking import over_budget
    from matinee.alerts.settings import alerts_folder
    from matinee.cli.command_lines import wrong_call

    settings = load_settings()
    problems = problems_of(alerts_folder(settings), settings.sql_dir, wrong_call)
    if not problems:
        with opened() as journal:
            problems = list(over_budget(alerts_folder(settings), journal, datetime.now(UTC)))
    rows = [
        {"file": str(each.file), "line": each.line, "reason": each.reason, "next": each.next_step} for each in problems
    ]
    emit(rows, output, empty="The rules are right.")
    if problems:
        raise click.exceptions.Exit(1)


@alerts.command()
@click.option("--from", "first", required=True, metavar="DAY", help="The first day.")
@click.option("--to", "last", required=True, metavar="DAY", help="The last day.")
@click.option("--rule", "names", multiple=True, metavar="NAME", help="Only this rule; may stand several times.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Draw the scores into a .png, .svg or .pdf.")
@output_option
def backtest(first: str, last: str, names: tuple[str, ...], picture: Path | None, output: str) -> None:
    """Say what the rules of sql/alerts/ would have told, by the recorded signals; exit 1 if a budget is exceeded.

    Pages a week; the share of judged pages that was real; the share of real incidents that would have been paged; the
    median delay. The truth is what people have said with `matinee incident resolve --verdict`.

    \b
    Example:
      matinee alerts backtest --from 2026-03-01 --to 2026-03-31 --plot backtest.png
    """
    from matinee.alerts.backtest import backtested
    from matinee.alerts.backtest_plot import plot
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.rules.loader import load
    from matinee.alerts.settings import alerts_folder

    rules = [rule for rule in load(alerts_folder(load_settings())) if not names or rule.name in names]
    if not rules:
        raise UsageError(f"No rule is called {', '.join(names)}.", next_step="Name a rule of sql/alerts/.")
    with opened() as journal:
        scores = backtested(journal, rules, start_of(parse_day(first)), end_of(parse_day(last)))
    rows = [
        {
            "rule": each.rule,
            "pages_a_week": round(each.pages, 2),
            "budget": each.budget,
            "precision": each.precision,
            "recall": each.recall,
            "delay_s": each.delay.total_seconds() if each.delay is not None else None,
        }
        for each in scores
    ]
    if picture:
        plot(scores, f"Rules on the signals of {first} to {last}", picture)
    emit(rows, output)
    if any(each.is_over for each in scores):
        raise click.exceptions.Exit(1)


@alerts.command(name="test-channel")
@click.argument("route", metavar="CHANNEL:CONNECTION")
@output_option
def test_channel(route: str, output: str) -> None:
    """Tell a channel of an incident that is none, and of its end.

    \b
    Example:
      matinee alerts test-channel slack:slack_default
    """
    from matinee.alerts.settings import parse_routes
    from matinee.alerts.trying import try_channel
    from matinee.sinks.channels import open_channel

    try:
        routes = parse_routes(route)
    except ValueError as error:
        raise UsageError(
            f"{error}.", next_step="Write `matinee alerts test-channel slack:slack_default`, say."
        ) from error
    home = load_settings().home
    for each in routes:
        try_channel(open_channel, each, home, user(), datetime.now(UTC))
        if output == "json":
            emit_one({"channel": str(each), "state": "told"}, output)
        else:
            OUT.print(f"{each} was told of a test, and of its end")


@alerts.group()
def window() -> None:
    """Maintenance windows and silences: times in which nobody is told of some causes."""


@window.command(name="open")
@click.argument("subjects", nargs=-1, required=True)
@click.option("--for", "length", type=LENGTH, required=True, help="For how long, such as 4h.")
@click.option("--reason", "why", required=True, metavar="TEXT", help="Why; it is recorded with your name.")
@output_option
def open_(subjects: tuple[str, ...], length: timedelta, why: str, output: str) -> None:
    """Tell nobody of causes whose subject matches SUBJECTS (datasets, DAGs, resources; patterns), for a time.

    Incidents are opened all the same, and told at the end of the window if they are still there.

    \b
    Example:
      matinee alerts window open "core.*" catalog --for 2h --reason "upgrade of PostgreSQL"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import open_window

    now = datetime.now(UTC)
    with opened() as journal:
        made = open_window(journal, subjects, now, now + length, user(), why, now)
    emit_one({"window": made.window_id, "until": made.end}, output)


@window.command(name="list")
@output_option
def list_windows(output: str) -> None:
    """Show the windows and silences that are not over.

    \b
    Example:
      matinee alerts window list
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.journal.tables import WINDOWS

    with opened() as journal, journal.look() as entries:
        windows = [each for each in entries.all(WINDOWS) if each.end > datetime.now(UTC)]
    rows = [
        {
            "window": each.window_id,
            "causes": str(each.identity) if each.identity else ", ".join(each.subjects),
            "begin": each.begin,
            "end": each.end,
            "who": each.who,
            "why": each.why,
        }
        for each in sorted(windows, key=lambda each: (each.begin, each.window_id))
    ]
    emit(rows, output, empty="Nothing is held back.")


@window.command()
@click.argument("window_id", metavar="WINDOW")
@output_option
def end(window_id: str, output: str) -> None:
    """End a window or a silence now.

    \b
    Example:
      matinee alerts window end window-20260301-0412-3fa9c1
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import end_window

    with opened() as journal:
        ended = end_window(journal, window_id, datetime.now(UTC))
    emit_one({"window": ended.window_id, "until": ended.end}, output)


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
