"""`matinee run` and `matinee audit`: the cycle without Airflow."""

from datetime import date

import click

from matinee.cli.options import keys, keys_options, parameters
from matinee.cli.output import emit, emit_one, output_option, working
from matinee.report import Report, Verdict
from matinee.settings import load_settings


@click.command()
@click.argument("dataset")
@keys_options
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Override a contract parameter (experiments)."
)
@click.option("--experiment", metavar="NAME", help="Write to branch experiment_NAME instead of main.")
@click.option("--attempt", metavar="NAME", help="Name this attempt; an attempt of the same name is replaced.")
@output_option
def run(
    dataset: str,
    key: date | None,
    first: date | None,
    last: date | None,
    params: tuple[str, ...],
    experiment: str | None,
    attempt: str | None,
    output: str,
) -> None:
    """Write, audit and publish DATASET for a key or a range of keys.

    A range derives each touched day once and publishes all of them in one commit. With --experiment the rows go to a
    branch, readable as DATASET.branch_experiment_NAME, and main stays as it is.

    \b
    Example:
      matinee run core.plays --key 2026-03-01
      matinee run core.play_attributions --from 2026-03-01 --to 2026-03-07 \\
          --param attribution.window=40d --experiment long_window
    """
    from matinee.lineage.emission import failure_told, send_events
    from matinee.publication.request import RunRequest
    from matinee.publication.steps import run as run_cycle
    from matinee.table.names import EXPERIMENT

    first_key, last_key = keys(key, first, last)
    request = RunRequest(dataset, first_key, last_key, attempt, parameters(params), experiment)
    settings = load_settings()
    step, branch = ("experiment", f"{EXPERIMENT}{experiment}") if experiment else ("publish", None)
    doing = working(f"{dataset} {request.key}: write, audit, publish", output)
    with doing, failure_told(settings, step, dataset, branch):
        report = run_cycle(settings, request)
    send_events(settings, report)
    emit_one(report.model_dump(mode="json", by_alias=True) if output == "json" else facts(report), output)
    if any(verdict.blocks for verdict in report.verdicts):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("dataset")
@click.option("--key", required=True, metavar="DAY", help="One event day, YYYY-MM-DD.")
@click.option("--withdraw", is_flag=True, help="Withdraw the day where a blocking audit fails, naming the audit.")
@output_option
def audit(dataset: str, key: str, withdraw: bool, output: str) -> None:
    """Audit a published day again, as it stands on main; exit 1 where a blocking audit finds bad rows.

    \b
    Example:
      matinee audit core.impressions --key 2026-03-01
      matinee audit core.impressions --key 2026-03-01 --withdraw
    """
    from matinee.days import parse_day
    from matinee.publication.reaudit import audit_published

    with working(f"{dataset} {key}: audits", output):
        verdicts = audit_published(load_settings(), dataset, parse_day(key), withdraw_failing=withdraw)
    emit([row(verdict) for verdict in verdicts], output, title=f"{dataset} {key}")
    if any(verdict.blocks for verdict in verdicts):
        raise click.exceptions.Exit(1)


def facts(report: Report) -> dict[str, object]:
    """Return what a person wants to know of a run."""
    failed = [verdict.audit for verdict in report.verdicts if verdict.verdict == "fail"]
    return {
        "publication": report.publication_id,
        "days": f"{report.days[0]} to {report.days[-1]}" if report.days else "-",
        "branch": report.branch,
        "rows in": report.rows.read,
        "rows out": report.rows.out,
        "duplicates": report.rows.duplicate,
        "verdicts": counts(report.verdicts),
        "failed": failed or "-",
        "replayed": report.replayed,
        "vtts": report.vtts,
        **report.details,
        "seconds": ", ".join(f"{name} {value:.1f}" for name, value in report.seconds.items()),
    }


def counts(verdicts: tuple[Verdict, ...]) -> str:
    """Return how many verdicts passed, failed and were insufficient."""
    kinds = [verdict.verdict for verdict in verdicts]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("pass", "fail", "insufficient"))


def row(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as a row of a table."""
    return {
        "audit": verdict.audit,
        "severity": verdict.severity,
        "verdict": verdict.verdict,
        "bad rows": verdict.bad_rows,
        "detail": verdict.detail,
    }
