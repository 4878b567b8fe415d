"""`matinee incident`: what is wrong now, what was, and what people decided about it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import click

from matinee.cli.options import LENGTH, user
from matinee.cli.output import OUT, emit, emit_one, output_option
from matinee.errors import UsageError
from matinee.settings import load_settings

if TYPE_CHECKING:
    from matinee.alerts.incidents import Incident

_why = click.option("--reason", "why", required=True, metavar="TEXT", help="Why; it is recorded with your name.")


@click.group()
def incident() -> None:
    """Incidents: one for each cause that a person must know."""


@incident.command(name="list")
@click.option("--all", "ended", is_flag=True, help="Those that are resolved, too, the newest last.")
@output_option
def list_(ended: bool, output: str) -> None:
    """Show what is wrong now.

    \b
    Example:
      matinee incident list --output json
    """
    from matinee.alerts.incidents import Incident
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.journal.tables import INCIDENTS

    states = ["open", "acknowledged", *(["resolved", "lingering"] if ended else [])]
    with opened() as journal, journal.look() as entries:
        shown: list[Incident] = entries.all(INCIDENTS, state=states)
    rows = [
        {
            "incident": each.incident_id,
            "state": each.state,
            "severity": each.severity,
            "cause": str(each.identity),
            "says": each.cause,
            "witnesses": len(each.witnesses),
            "opened": each.opened_at,
            "next": each.next_step,
        }
        for each in sorted(shown, key=lambda each: (each.opened_at, each.incident_id))
    ]
    emit(rows, output, empty="No incident is open.")


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@output_option
def show(incident_id: str, output: str) -> None:
    """Show an incident: its cause, what shows it, what was done about it, and what each channel was told.

    \b
    Example:
      matinee incident show 20260301-0412-3fa9c1
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES

    with opened() as journal, journal.look() as entries:
        shown = entries.get(INCIDENTS, incident_id)
        notes = entries.all(NOTES, owner=incident_id)
        sent = entries.all(DELIVERIES, prefix=f"{incident_id}-")
    if shown is None:
        raise UsageError(f"No incident is called {incident_id}.", next_step="`matinee incident list` has them all.")
    facts = _facts(shown)
    done = [{"at": note.at, "event": note.event, "who": note.who, "why": note.why} for note in notes]
    told = [
        {
            "channel": each.route,
            "event": each.message.event.value,
            "state": each.state,
            "tries": each.tries,
            "at": each.changed_at,
            "error": each.error or None,
        }
        for each in sent
    ]
    if output == "json":
        emit_one(facts | {"happened": done, "told": told}, output)
        return
    emit_one(facts, output)
    emit(done, output, title="what happened")
    emit([row | {"channel": str(row["channel"])} for row in told], output, title="told", empty="No channel was told.")


def _facts(shown: "Incident") -> dict[str, object]:
    return {
        "incident": shown.incident_id,
        "state": shown.state,
        "severity": shown.severity,
        "cause": str(shown.identity),
        "says": shown.cause,
        "next_step": shown.next_step,
        "runbook": f"sql/alerts/runbooks/{shown.runbook}",
        "link": shown.link,
        "rules": list(shown.rules),
        "times": shown.times,
        "opened": shown.opened_at,
        "resolved": shown.resolved_at,
        "verdict": shown.verdict,
        "witnesses": list(shown.witnesses),
    }


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@_why
@output_option
def ack(incident_id: str, why: str, output: str) -> None:
    """Say that you are at work on INCIDENT: its page is not repeated; another cause is another incident.

    \b
    Example:
      matinee incident ack 20260301-0412-3fa9c1 --reason "restarting the catalog"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import acknowledge

    with opened() as journal:
        after = acknowledge(journal, incident_id, user(), why, datetime.now(UTC))
    _done(after.incident_id, after.state, output)


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--for", "length", type=LENGTH, required=True, help="For how long, such as 4h.")
@_why
@output_option
def silence(incident_id: str, length: timedelta, why: str, output: str) -> None:
    """Tell nobody of the cause of INCIDENT, and of no other cause, for a time.

    \b
    Example:
      matinee incident silence 20260301-0412-3fa9c1 --for 4h --reason "the producer sends tonight"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import silence as hold_back

    now = datetime.now(UTC)
    with opened() as journal:
        window = hold_back(journal, incident_id, now + length, user(), why, now)
    _done(incident_id, f"silenced until {window.end:%Y-%m-%d %H:%MZ}", output)


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--verdict", type=click.Choice(["real", "noise"]), required=True, help="Was it worth telling?")
@_why
@output_option
def resolve(incident_id: str, verdict: Literal["real", "noise"], why: str, output: str) -> None:
    """End INCIDENT; its verdict counts in `matinee alerts backtest`.

    While the same signals go on, no other incident is opened for them. A verdict can also be given afterwards.

    \b
    Example:
      matinee incident resolve 20260301-0412-3fa9c1 --verdict real --reason "the manifest came"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.people import resolve as end

    with opened() as journal:
        after = end(journal, incident_id, verdict, user(), why, datetime.now(UTC))
    _done(after.incident_id, f"{after.state}, {verdict}", output)


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@_why
@output_option
def retry(incident_id: str, why: str, output: str) -> None:
    """Let Airflow try the failed tasks that show INCIDENT again, once its cause is gone.

    \b
    Example:
      matinee incident retry 20260301-0412-3fa9c1 --reason "the catalog answers again"
    """
    from matinee.alerts.journal.opening import opened
    from matinee.alerts.retrying import airflow_of
    from matinee.alerts.retrying import retry as clear

    api = airflow_of(load_settings())
    with opened() as journal:
        names = clear(journal, api, incident_id, user(), why, datetime.now(UTC))
    emit([{"task": name, "state": "cleared"} for name in names], output, empty="No failed task shows the incident.")


def _done(incident_id: str, state: str, output: str) -> None:
    if output == "json":
        emit_one({"incident": incident_id, "state": state}, output)
    else:
        OUT.print(f"{incident_id} is {state}")
