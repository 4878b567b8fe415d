"""Every command ends in a message of Matinee's, whatever is raised at its seams."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from tests.support.foreign_errors import TERMINAL, TRANSIENT
from tests.support.lakes import D1, D2, core_play, land, make_lake, prepare, put_back, raw_play

from matinee.cli.main import cli, main
from matinee.contracts.registry import Registry
from matinee.foreign import translated
from matinee.publication.move import move_to_main
from matinee.settings import CHECKOUT

KEYS = ("--from", "2026-03-01", "--to", "2026-03-02")
#: A call of each command, which reaches as much as can be reached without an engine; `{}` is a folder of its own.
CALLS: dict[str, tuple[str, ...]] = {
    "ingest": ("--from", "{}/landing"),
    "run": ("core.plays", "--key", "2026-03-01"),
    "audit": ("core.plays", "--key", "2026-03-01"),
    "query": ("SELECT 1",),
    "pin": ("core.plays", "--until", "2099-01-01", "--why", "x"),
    "simulate": ("--to", "{}/simulated", "--days", "1", "--profiles", "5"),
    "doctor": (),
    "vtts list": (),
    "vtts explain": ("core.plays",),
    "publications list": (),
    "publications show": ("core_plays_20260301_1",),
    "pins list": (),
    "pins end": ("20260601_1",),
    "day list": (),
    "day withdraw": ("core.plays", "2026-03-01", "--reason", "x"),
    "dataset retire": ("core.impressions", "--reason", "x", "--dry-run"),
    "lake begin": ("2026-01-01",),
    "lake relocate": (),
    "lake upgrade": (),
    "lake backup": ("{}/backup",),
    "lake restore": ("{}/landing",),
    "landing status": ("--from", "{}/landing"),
    "backfill plan": ("core.plays", *KEYS),
    "backfill apply": ("core.plays", *KEYS, "--reason", "x"),
    "late scan": (),
    "heal plan": (),
    "heal apply": (),
    "heal list": (),
    "stream run": ("--from", "{}/landing"),
    "stream pause": ("--reason", "x"),
    "stream resume": (),
    "stream accept-topics": ("--servers", "127.0.0.1:1"),
    "stream status": (),
    "stream compare": (),
    "stream repair": ("--key", "2026-03-01"),
    "contract check": (str(CHECKOUT / "sql/core/plays/contract.odcs.yaml"),),
    "contract show": ("core.plays",),
    "contract plan": (),
    "failure explain": ("--log", "{}/task.log"),
    "metrics serve": ("--port", "70000"),
    "metrics write": ("--to", "{}/matinee.prom"),
    "incident list": (),
    "incident show": ("x",),
    "incident ack": ("x", "--reason", "y"),
    "incident silence": ("x", "--for", "1h", "--reason", "y"),
    "incident retry": ("x", "--reason", "y"),
    "incident resolve": ("x", "--verdict", "real", "--reason", "y"),
    "alerts watch": ("--once",),
    "alerts check": (),
    "alerts backtest": ("--from", "2026-03-01", "--to", "2026-03-08", "--plot", "{}/backtest.svg"),
    "alerts test-channel": ("webhook:nowhere",),
    "alerts window open": ("catalog", "--for", "1h", "--reason", "y"),
    "alerts window list": (),
    "alerts window end": ("x",),
    "serve": ("core.plays", "--port", "0"),
    "kv check": ("core.plays",),
    "kv build": ("core.plays",),
    "kv list": ("core.plays",),
    "kv show": ("core.plays",),
    "kv verify": ("core.plays", "20260301_x"),
    "kv activate": ("core.plays", "20260301_x"),
    "kv rollback": ("core.plays",),
    "kv gc": ("core.plays",),
    "kv delta": (),
    "kv forget": ("a", "--dataset", "core.plays"),
    "kv get": ("core.plays", "a", "--at", "127.0.0.1:1"),
}
#: Where commands meet the world: files, the catalog, other processes, the network.
SEAMS = {
    "making a folder": "pathlib.Path.mkdir",  # The first: later the folders are there.
    "settings": "matinee.settings.Settings.__init__",
    "reading a file": "pathlib.Path.open",
    "opening the catalog": "pyiceberg.catalog.sql.SqlCatalog.__init__",
    "loading a table": "matinee.table.catalogs.sql_catalog.SqlCatalog.load_table",
    "listing tables": "matinee.table.catalogs.sql_catalog.SqlCatalog.list_tables",
    "committing": "pyiceberg.catalog.sql.SqlCatalog.commit_table",
    "starting a process": "subprocess.Popen.__init__",
    "reaching a server": "socket.create_connection",
}
HOSTILE = KeyError("[bold]x[/x] \x1b[31m \u202e")
#: An error for each of the classes that errors become.
KINDS = [HOSTILE, *{type(translated(error)): error for error in (*TRANSIENT, *TERMINAL)}.values()]
#: Each command meets one kind in so many, beginning with another kind than the command before; all kinds are slow.
STEP = 8
THROWN = [
    *(pytest.param(path, KINDS[number % STEP :: STEP], id=path) for number, path in enumerate(CALLS)),
    *(pytest.param(path, KINDS, id=f"{path}, all kinds", marks=pytest.mark.slow) for path in CALLS),
]


#: Reading contracts takes most of a command's time.
contracts = cache(Registry.load)


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all commands of a group."""
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from paths(below, (*path, name))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a landed day that is published, and a day that is not."""
    folder = tmp_path_factory.mktemp("errors")
    lake = make_lake(folder / "home")
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2, "p2")])
    move_to_main(lake, prepare(lake, "core.plays", D1, [core_play(D1)], attempt="1"), lambda _: ())
    (folder / "landing").mkdir()
    (folder / "task.log").write_text("KeyError: 'x'\n")
    (folder / "landing" / "plays-1.jsonl").write_text("{}\n")
    shutil.copytree(folder / "home", folder / "kept")
    return folder


class Thrower:
    """Throws an error where the seam is reached; counts how often that was."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.reached = error, 0

    def __call__(self, *_: object, **__: object) -> object:
        self.reached += 1
        raise self.error.with_traceback(None)  # Else it would grow with each call.


def check_end(call: list[str], capsys: pytest.CaptureFixture[str], where: str) -> None:
    """Call a command: nothing but an exit leaves it, and it says what to do next."""
    code = 0
    try:
        main(call)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    out, err = capsys.readouterr()
    assert code in {0, 1, 2, 130}, where
    assert not {"\x1b", "\u202e"} & set(out + err), where
    if "json" in call:
        documents = [json.loads(text) for text in (out, err) if text]
        assert code == 0 or documents, where
        assert all(document["error"]["next_step"] for document in documents if "error" in document), where
    else:
        assert "Traceback" not in out + err, where
        assert code == 0 or "next" in out + err, where


@pytest.mark.parametrize(("path", "kinds"), THROWN)
def test_a_command_ends_well_whatever_is_thrown_at_it(
    path: str,
    kinds: list[BaseException],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(home / "home"))
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW_CONN_NOBODY", "http://:a-secret-of-our-own@127.0.0.1:1/")
    call = [*path.split(), *(part.format(home) for part in CALLS[path])]
    shutil.rmtree(home / "simulated", ignore_errors=True)
    reached, outputs = list[str](), ([], ["--output", "json"])
    for seam, place in SEAMS.items():
        put_back(home / "kept", home / "home")
        with monkeypatch.context() as patched:
            if seam != "reading a file":
                patched.setattr(Registry, "load", contracts)
            patched.setattr(subprocess.Popen, "__init__", Thrower(FileNotFoundError("no program is started here")))
            patched.setattr(place, thrower := Thrower(HOSTILE))
            check_end([*call, *outputs[len(reached) % 2]], capsys, f"{path}: {HOSTILE!r} when {seam}")
            for number, error in enumerate(kinds if thrower.reached and not reached else ()):
                thrower.error = error
                check_end([*call, *outputs[number % 2]], capsys, f"{path}: {error!r} when {seam}")
        reached += [seam] if thrower.reached else []
    assert reached


def test_there_is_a_call_of_each_command() -> None:
    assert sorted(CALLS) == sorted(paths(cli))
