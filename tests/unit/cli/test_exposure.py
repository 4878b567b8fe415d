"""`matinee doctor` says what other users of the machine can reach."""

import os
import pwd
from pathlib import Path

import pytest

from matinee.cli.exposure import exposed
from matinee.settings import load_settings


def account(name: str, uid: int, shell: str = "/bin/bash") -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{name}", shell))


@pytest.mark.parametrize(("mode", "checks"), [(0o700, []), (0o750, ["home"]), (0o701, ["home"]), (0o777, ["home"])])
def test_a_home_that_others_can_enter_is_told(tmp_path: Path, mode: int, checks: list[str]) -> None:
    tmp_path.chmod(mode)
    rows = list(exposed(load_settings(home=tmp_path), []))
    assert [row["check"] for row in rows] == checks
    assert all(row["next"] == f"`chmod 700 {tmp_path}`" for row in rows)


def test_a_home_that_is_not_there_exposes_nothing(tmp_path: Path) -> None:
    assert list(exposed(load_settings(home=tmp_path / "home"), [])) == []


@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_other_users_of_a_machine_are_told_that_sail_is_open_to_them(tmp_path: Path, engine: str) -> None:
    tmp_path.chmod(0o700)
    others = [account("bob", 2001), account("ana", 2002)]
    machine = [account("daemon", 1), account("nobody", 65534), account("app", 2003, "/usr/sbin/nologin")]
    own = account("me", os.getuid())
    rows = list(exposed(load_settings(home=tmp_path, engine=engine), [*machine, own, *others]))
    assert [str(row["detail"]).partition(" can use")[0] for row in rows] == (["ana, bob"] if engine == "sail" else [])


def test_sail_on_a_machine_of_its_own_user_is_no_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert list(exposed(load_settings(home=tmp_path, engine="sail"), [account("me", os.getuid())])) == []
