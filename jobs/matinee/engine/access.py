"""The token by which a Connect server knows its clients: other users of the machine have none and are refused."""

import os
import secrets
from pathlib import Path

from matinee.private import write_private
from matinee.settings import Settings

#: Spark's own name, which its servers and its clients read. All users see a command line, only its own an environment.
VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"


def process_token() -> str:
    """Return the token of the servers that this process starts; its children inherit the token by environment."""
    token = os.environ[VARIABLE] = os.environ.get(VARIABLE) or secrets.token_urlsafe(32)
    return token


def keep_token(settings: Settings) -> None:
    """Keep this process's token in the lake's home, where only the owner can read it, for commands on this lake."""
    write_private(_file(settings), process_token())


def kept_token(settings: Settings) -> str | None:
    """Return the token of the server that was started for this lake; None where none is kept."""
    try:
        return _file(settings).read_text() or None
    except FileNotFoundError:
        return None


def forget_token(settings: Settings) -> None:
    """Remove the token of a server that has ended."""
    _file(settings).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.run_dir / "spark-connect.token"
