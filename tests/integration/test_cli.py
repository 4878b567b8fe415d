"""The `matinee` command line: what it prints, what it leaves, and its exit codes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import streams
from tests.support.lakes import D1, D2, land, land_days, raw_play

from matinee.cli.main import COMMANDS, main
from matinee.ledger.dropping import drop_before
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run a command with `--output json` on a lake of its own: (exit code, what it printed)."""
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> tuple[int, Any]:
        code = 0
        try:
            main([*arguments, "--output", "json"])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, json.loads(captured.out or captured.err or "null")

    return run


@pytest.fixture
def on_spark(call: Call, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Call:
    """Run a command as `call` does, with the session's engine."""
    monkeypatch.setenv("SPARK_REMOTE", settings.spark_remote or "")
    return call


@pytest.mark.spark
def test_a_day_goes_from_files_to_a_published_training_set(on_spark: Call, tmp_path: Path) -> None:
    landing = str(tmp_path / "landing")
    code, made = on_spark("simulate", "--to", landing, "--days", "1", "--profiles", "40")
    assert code == 0
    assert made["datasets"]
    code, landed = on_spark("ingest", "--from", landing)
    assert code == 0
    assert {row["dataset"] for row in landed} == {"raw.impressions", "raw.plays", "ops.manifests"}
    for dataset in ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays"):
        code, report = on_spark("run", dataset, "--key", "2026-03-01")
        assert (code, report["step"], report["error"]) == (0, "publish", None)
    code, listed = on_spark("vtts", "list")
    through = [row["vtts"] for row in listed if not row["dataset"].startswith("features.")]
    assert set(through) == {"2026-03-02 00:00:00+00:00"}  # The labels of a lake's last day are never final.
    code, rows = on_spark("query", "SELECT count(*) AS n FROM core.impression_plays")
    assert rows == [{"n": report["rows"]["out"]}]


@pytest.mark.spark
def test_an_experiment_is_queried_by_its_branch(on_spark: Call, settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    for dataset in ("core.impressions", "core.plays"):
        assert on_spark("run", dataset, "--key", str(D1))[0] == 0
    arguments = ("run", "core.play_attributions", "--key", str(D1), "--param", "attribution.window=40d")
    code, report = on_spark(*arguments, "--experiment", "long")
    assert (code, report["branch"]) == (0, "experiment_long")
    branch = "core.play_attributions.branch_experiment_long"
    assert on_spark("query", f"SELECT count(*) AS n FROM {branch}") == (0, [{"n": 2}])
    assert on_spark("query", "SELECT count(*) AS n FROM core.play_attributions") == (0, [{"n": 0}])


@pytest.mark.spark
def test_withdrawing_a_day_moves_the_vtts_back_and_explain_says_why(on_spark: Call, settings: Settings) -> None:
    lake = Lake.open(settings)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2, "p2")])
    on_spark("run", "core.plays", "--from", str(D1), "--to", str(D2))
    code, withdrawn = on_spark("day", "withdraw", "core.plays", str(D2), "--reason", "doubled starts")
    assert (code, withdrawn["state"], withdrawn["generation"]) == (0, "WITHDRAWN", 2)
    _, explained = on_spark("vtts", "explain", "core.plays")
    assert explained["vtts"] == "2026-03-02 00:00:00+00:00"
    assert explained["held_by"]["detail"] == "withdrawn: doubled starts"
    _, listed = on_spark("publications", "list", "core.plays", "--day", str(D2))
    _, shown = on_spark("publications", "show", listed[0]["publication"])
    assert shown["inputs"][0]["dataset"] == "raw.plays"


@pytest.mark.spark
def test_the_audits_of_a_published_day_can_be_run_again(on_spark: Call, settings: Settings) -> None:
    land_days(Lake.open(settings), D1)
    on_spark("run", "core.plays", "--key", str(D1))
    code, verdicts = on_spark("audit", "core.plays", "--key", str(D1))
    assert code == 0
    assert {verdict["verdict"] for verdict in verdicts} <= {"pass", "insufficient"}


def test_a_day_that_fails_its_audits_is_withdrawn_and_explained(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MATINEE_ENGINE", "sail")
    settings = load_settings()
    land_days(Lake.open(settings), D1)
    assert call("run", "core.plays", "--key", str(D1))[0] == 0
    shutil.copytree(settings.sql_dir, tmp_path / "sql")
    never = "-- severity: blocking\n-- why: nothing passes\nSELECT play_id FROM candidate"
    (tmp_path / "sql" / "core" / "plays" / "audits").mkdir()
    (tmp_path / "sql" / "core" / "plays" / "audits" / "never.sql").write_text(never)
    monkeypatch.setenv("MATINEE_SQL_DIR", str(tmp_path / "sql"))
    assert call("audit", "core.plays", "--key", str(D1))[0] == 1
    _, listed = call("publications", "list", "core.plays")
    assert [row["state"] for row in listed] == ["PUBLISHED"]
    assert call("audit", "core.plays", "--key", str(D1), "--withdraw")[0] == 1
    _, explained = call("vtts", "explain", "core.plays")
    held = explained["held_by"]
    assert (held["day"], held["kind"]) == (str(D1), "failing")
    assert held["detail"] == "withdrawn: never (2 bad rows) failed on main"
    assert f"`matinee run core.plays --key {D1}`" in held["next_step"]


def test_late_rows_are_found_planned_healed_and_listed(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MATINEE_ENGINE", "sail")
    lake = Lake.open(load_settings())
    land_days(lake, D1)
    assert call("run", "core.plays", "--key", str(D1))[0] == 0
    assert [call(*words)[1] for words in (("late", "scan"), ("heal", "plan"), ("heal", "apply"))] == [[], [], []]
    land(lake, "raw.plays", [raw_play(D1, "late")], seq=3, close=False)
    cause = "raw.plays has landing 3, it read up to 1"
    code, [stale] = call("late", "scan")
    assert (code, stale["dataset"], stale["day"], stale["cause"], stale["late"]) == (0, "core.plays", str(D1), cause, 1)
    code, [planned] = call("heal", "plan")
    assert (code, planned["day"], planned["rows"], planned["rows_of_day"]) == (0, str(D1), 2, 2)
    assert call("late", "scan", "--cells") == (0, [planned])
    code, [healed] = call("heal", "apply", "--from", str(D1), "--to", str(D1))
    assert (code, healed["decision"], healed["rows_before"], healed["rows_after"]) == (0, "heal", 2, 3)
    assert call("heal", "list", "--day", str(D1)) == (0, [healed])
    assert call("heal", "list", "--day", str(D2)) == (0, [])


@pytest.mark.spark
def test_a_folder_is_streamed_paused_and_resumed(on_spark: Call, tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    streams.drop_files(folder, "1", [streams.impression(1)], [streams.play(1)])
    assert on_spark("stream", "pause", "--reason", "a broken release")[0] == 0
    code, refused = on_spark("stream", "run", "--from", str(folder))
    assert (code, refused["error"]["type"]) == (1, "StreamPausedError")
    assert on_spark("stream", "resume")[0] == 0
    code, [landed, followed] = on_spark("stream", "run", "--from", str(folder))
    assert (code, landed["landed"], landed["quarantined"], followed["landed"]) == (0, 2, 0, None)
    now = on_spark("stream", "status")[1]
    assert (now["state"], [tick["state"] for tick in now["ticks"]]) == ("running", ["paused", "resumed", "ran", "ran"])
    assert on_spark("stream", "run", "--from", str(folder)) == (0, [])
    assert on_spark("stream", "run")[1]["error"]["next_step"].startswith("Give either --servers")
    assert on_spark("stream", "compare") == (0, [])


@pytest.mark.spark
@pytest.mark.parametrize("statement", ["DROP TABLE core.plays", "DELETE FROM core.plays", "SELECT 1; SELECT 2"])
def test_a_statement_that_is_no_query_is_refused(on_spark: Call, settings: Settings, statement: str) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    code, printed = on_spark("query", statement)
    assert code != 0
    assert printed["error"]["type"] in ("EngineFailedError", "UsageError")
    assert lake.exists("raw.plays")


@pytest.mark.spark
def test_a_query_prints_lists_and_structs(on_spark: Call, settings: Settings) -> None:
    Lake.open(settings).ensure("raw.plays")
    filters = "array(named_struct('facet', 'genre', 'years', array(2026, NULL)))"
    code, rows = on_spark("query", f"SELECT {filters} AS filters, array_remove(array('a'), 'a') AS nothing")
    assert (code, rows) == (0, [{"filters": [{"facet": "genre", "years": [2026, None]}], "nothing": []}])


def test_a_backfill_is_planned_in_dependency_order_with_its_obstacles(call: Call, tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path / "home", spark_remote=None))
    land(lake, "raw.plays", [raw_play(D1)])
    code, planned = call("backfill", "plan", "core.plays", "--from", str(D1), "--to", str(D2))
    assert code == 0
    assert [dag["dag_id"] for dag in planned] == ["plays_daily", "impression_plays_daily", "impression_daily"]
    assert (planned[0]["keys"], planned[0]["rows"]) == (2, 1)
    assert any("raw.plays 2026-03-02 is not valid" in conflict for conflict in planned[0]["conflicts"])


@pytest.mark.parametrize("dropped", ["raw.plays", "core.plays", "core.impression_plays"])
def test_a_backfill_of_dropped_days_is_refused_with_the_first_day_left(
    call: Call, tmp_path: Path, dropped: str
) -> None:
    lake = Lake.open(load_settings(home=tmp_path / "home", spark_remote=None))
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    drop_before(lake.ensure(dropped), lake.registry.get(dropped), D2)
    code, told = call("backfill", "plan", "core.plays", "--from", str(D1), "--to", str(D2))
    assert (code, told["error"]["type"]) == (1, "DroppedError")
    assert "2026-03-01 is not derived again: it was dropped, or a day that it reads was" in told["error"]["message"]
    assert told["error"]["next_step"].startswith("Give keys from 2026-03-02 on")
    code, planned = call("backfill", "plan", "core.plays", "--from", str(D2), "--to", str(D2))
    assert (code, planned[0]["keys"]) == (0, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "core.plays"),
        ("run", "core.plays", "--key", "yesterday"),
        ("run", "core.plays", "--key", str(D1), "--from", str(D1), "--to", str(D2)),
        ("run", "core.plays", "--from", str(D2), "--to", str(D1)),
        ("run", "core.plaice", "--key", str(D1)),
        ("run", "core.play_attributions", "--key", str(D1), "--param", "attribution.window=40d"),
        ("ingest",),
        ("backfill", "plan", "core.plays", "--from", str(D2), "--to", str(D1)),
        ("publications", "show", "nothing"),
        ("vtts", "explain", "core.plaice"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_with_2_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path / "home"))
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_a_failure_exits_with_1(call: Call) -> None:
    code, printed = call("run", "core.plays", "--key", str(D1))
    assert (code, printed["error"]["type"]) == (1, "InputsNotValidError")


def test_settings_that_contradict_each_other_are_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_CATALOG", "postgres")
    code, printed = call("vtts", "list")
    assert code == 1
    assert "MATINEE_CATALOG_URI" in printed["error"]["message"]


def test_a_dead_catalog_is_one_clear_error(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_CATALOG", "postgres")
    monkeypatch.setenv("MATINEE_CATALOG_URI", "postgresql://matinee@127.0.0.1:9/nothing")
    code, printed = call("vtts", "list")
    assert (code, printed["error"]["type"]) == (1, "CatalogUnavailableError")


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    main([command, "--help"])
    assert capsys.readouterr().out.startswith("Usage: matinee")


def test_every_leaf_command_shows_an_example() -> None:
    import click

    from matinee.cli.main import cli

    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    for command in commands:
        assert command is not None
        if isinstance(command, click.Group):
            commands += command.commands.values()  # Of a noun below a noun, too.
        else:
            assert "Example:" in (command.help or ""), command.name
