"""Rows of `matinee doctor` on what other users of this machine can reach."""

import os
import pwd
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from matinee.cli.findings import finding
from matinee.settings import Settings

_OTHERS = 0o077
_FIRST_PERSON, _NOBODY = 1000, 65534
_NO_SHELLS = {"false", "nologin"}


def exposed(settings: Settings, accounts: Iterable[pwd.struct_passwd]) -> Iterator[dict[str, object]]:
    """Warn of a home that others can enter, and of Sail where there are other users.

    Args:
        settings: of the lake.
        accounts: those of this machine.
    """
    mode = settings.home.stat().st_mode & 0o777 if settings.home.is_dir() else 0
    if mode & _OTHERS:
        detail = f"other users of this machine can enter {settings.home} (its mode is {mode:o})"
        yield finding("home", "warning", detail, f"`chmod 700 {settings.home}`")
    others = sorted(account.pw_name for account in accounts if _is_other_person(account))
    if settings.engine == "sail" and others:
        detail = f"{', '.join(others)} can use Sail while a step runs: it listens on 127.0.0.1 and asks for no token"
        yield finding("sail", "warning", detail, "unset MATINEE_ENGINE where you do not trust them; Spark has a token")


def _is_other_person(account: pwd.struct_passwd) -> bool:
    has_shell = PurePath(account.pw_shell).name not in _NO_SHELLS
    return has_shell and account.pw_uid >= _FIRST_PERSON and account.pw_uid not in (_NOBODY, os.getuid())
