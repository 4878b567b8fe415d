"""The outermost call of each command: whatever is raised becomes one message, or JSON, and an exit code."""

import gc
import json
import logging
import os
import select
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import click

from matinee.errors import MatineeError, StoppedError, UnknownDatasetError, UsageError
from matinee.foreign import translated
from matinee.limits import address_space, refuse_little
from matinee.report import ErrorReport

FAILED, WRONG_CALL = 1, 2
#: As shells tell them: 128 + SIGINT, 128 + SIGPIPE.
STOPPED, READER_GONE = 130, 141
#: Where this variable is set, an error is followed by its traceback.
TRACEBACK = "MATINEE_TRACEBACK"


def run(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command; where it ends with another code than 0, end the process with this code.

    Args:
        command: the command, or the group of all commands.
        program: how it is called.
        arguments: those of a program that goes on; None: those of this process, which is the command's own.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        gc.set_threshold(100_000)  # Imported objects stay: each collection goes through all of them.
        os.environ["TZ"] = "UTC"  # Libraries ask for the local time; of a zone that cannot be, Python raises an error.
        time.tzset()
    code = _ended(command, program, given, is_own=arguments is None)
    if code:
        sys.exit(code)


def printable(text: str) -> str:
    """Return a text in which characters that control a terminal, or cannot be seen, stand as escapes."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1] for character in text
    )


class _Log(logging.Handler):
    """Shows what is logged while a command runs: to people at once, to programs beside the error at the end."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json
        self.lines = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Show or keep the text of a record."""
        text = self.format(record) if os.environ.get(TRACEBACK) else record.getMessage()
        if self.as_json:
            self.lines.append(text)
        else:
            click.echo(printable(text), err=True)

    def end(self, ours: MatineeError | None, error: BaseException | None) -> None:
        """Show the error, if there is one."""
        if self.as_json:
            kept = {"log": self.lines} if self.lines else {}
            told = {"error": ErrorReport.of(ours).model_dump()} if ours else {}
            if kept or told:
                click.echo(json.dumps(kept | told, indent=2), err=True)
        elif ours:
            name = type(ours).__name__.removesuffix("Error")
            click.secho(printable(f"{name}: {ours.message}"), fg="red", err=True)
            click.echo(printable(f"  next: {ours.next_step}"), err=True)
        if error and not self.as_json and os.environ.get(TRACEBACK):
            click.echo(printable("".join(traceback.format_exception(error))), err=True)


@contextmanager
def _logging(*, as_json: bool) -> Iterator[_Log]:
    root, log = logging.getLogger(), _Log(as_json=as_json)
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)


def _ended(command: click.Command, program: str, given: list[str], *, is_own: bool) -> int:
    _show_all_characters(sys.stdout)
    with _logging(as_json=_wants_json(given)) as log:
        try:
            with command.make_context(program, list(given), obj=is_own) as context:
                if is_own:
                    refuse_little(address_space())
                command.invoke(context)
                _flush(sys.stdout)
        except click.exceptions.Exit as ended:
            log.end(None, None)
            return ended.exit_code
        except click.exceptions.NoArgsIsHelpError as called:
            log.end(None, None)
            called.show()
            return WRONG_CALL
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost call
            if isinstance(error, OSError) and _is_unread(error, is_own=is_own):
                return READER_GONE
            ours = translated(error)
            log.end(ours, error)
            return _exit_code(ours)
        log.end(None, None)
    return 0


def _exit_code(error: MatineeError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, StoppedError):
        return STOPPED
    return WRONG_CALL if isinstance(error, UsageError | UnknownDatasetError) else FAILED


def _is_unread(error: OSError, *, is_own: bool) -> bool:
    """Whether nobody reads what is printed; after an error, a process of its own prints no more."""
    printed = sys.stdout
    if is_own:  # Python would write what is left to the broken stream at its end.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open to the end
    return isinstance(error, BrokenPipeError) and _has_no_reader(printed)


def _wants_json(given: list[str]) -> bool:
    return "--output=json" in given or ("--output", "json") in pairwise(given)


def _flush(stream: TextIO | None) -> None:
    if stream is not None:
        stream.flush()


def _show_all_characters(stream: TextIO | None) -> None:
    """Let a stream escape the characters that its encoding lacks."""
    if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
        reconfigure(errors="backslashreplace")


def _has_no_reader(stream: TextIO | None) -> bool:
    """Whether a stream is a pipe that nobody reads any more (`matinee … | head`)."""
    try:
        looked = select.poll()
        looked.register(stream.fileno() if stream else -1, 0)
        return any(events & select.POLLERR for _, events in looked.poll(0))
    except (OSError, ValueError):
        return False
