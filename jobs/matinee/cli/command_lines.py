"""Whether a call of `matinee` is right, without running it."""

from collections.abc import Sequence

import click


def wrong_call(arguments: Sequence[str]) -> str | None:
    """Return why the arguments of a call are wrong; None where they are right."""
    from matinee.cli.main import cli

    command: click.Command = cli
    words = list(arguments)
    while isinstance(command, click.Group):
        name = words.pop(0) if words else ""
        inner = command.get_command(click.Context(command), name)
        if inner is None:
            return f"'{name}' is no command" if name else "a command is missing"
        command = inner
    try:
        command.make_context(command.name, words)
    except click.UsageError as error:
        return error.format_message()
    except click.exceptions.Exit:  # `--help` is a call, too.
        return None
    return None
