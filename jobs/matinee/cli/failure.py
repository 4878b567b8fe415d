"""`matinee failure`: why a task failed, in one line, with evidence and the next step."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from matinee.cli.output import emit_one, output_option
from matinee.errors import UsageError
from matinee.readout.explain import explain as read_out


@click.group()
def failure() -> None:
    """Failures of tasks: their class, cause, evidence and next step."""


@failure.command()
@click.option("--log", required=True, metavar="FILE", help="The log of the task, or - for standard input.")
@output_option
def explain(log: str, output: str) -> None:
    """Read from a log why its task failed.

    The class is input, contract, code, configuration, permission, resource, network, conflict, external, platform,
    unknown, or none where the log shows no failure. Secrets are masked.

    \b
    Example:
      matinee failure explain --log task.log
    """
    try:
        with nullcontext(sys.stdin.buffer) if log == "-" else Path(log).open("rb") as lines:
            readout = read_out(lines)
    except OSError as error:
        raise UsageError(
            f"The log {log} cannot be read: {error.strerror}.",
            next_step="Name the file of a log, or - for standard input.",
            facts={"log": log},
        ) from error
    facts = {
        "class": readout.kind,
        "cause": readout.cause,
        "next_step": readout.next_step,
        "retryable": readout.retryable,
        "evidence": list(readout.evidence),
        "pattern": readout.pattern or None,
    }
    emit_one(facts if output == "json" else facts | {"evidence": "\n".join(readout.evidence) or None}, output)
