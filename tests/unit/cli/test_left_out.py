"""Commands where a contract cannot be used: the other datasets go on, and the exit code says that not all was done."""

import json
import re
import shlex
import shutil
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import (
    D1,
    D2,
    core_play,
    kept,
    land_days,
    prepare,
    raw_impression,
)

from matinee.cli.main import main
from matinee.ledger.pinned_sets import hold
from matinee.publication.move import move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS, IMPRESSIONS = "core.plays", "core.impressions"
KEYS = f"--from {D1} --to {D2}"


def fill(lake: Lake) -> None:
    land_days(lake, D1, D2)
    move_to_main(lake, prepare(lake, PLAYS, D1, [core_play(D1)], attempt="1"), lambda _: ())
    shown = {name: value for name, value in raw_impression(D1).items() if name not in {"landing_seq", "file"}}
    move_to_main(lake, prepare(lake, IMPRESSIONS, D1, [shown | {"profile_bucket": 0}], attempt="1"), lambda _: ())
    hold(lake, {name: refs.head(lake.table(name)) for name in (PLAYS, IMPRESSIONS)}, date(2099, 1, 1), "model 7", "me")


kept_lake, lake = kept(fill)


@pytest.fixture
def sql(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Datasets of which the contract of core.plays has a mistake in its YAML."""
    shutil.copytree(lake.settings.sql_dir, tmp_path / "sql")
    spoil(tmp_path / "sql", PLAYS)
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    monkeypatch.setenv("MATINEE_SQL_DIR", str(tmp_path / "sql"))
    return tmp_path / "sql"


def spoil(sql: Path, dataset: str) -> Path:
    file = sql / Path(*dataset.split(".")) / "contract.odcs.yaml"
    file.write_text(file.read_text().replace("schema:", "schema: [", 1))
    return file


def called(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Return the exit code of a command, and what it prints."""
    code = 0
    try:
        main([*shlex.split(command), "--output", "json"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    "command",
    [
        f"vtts explain {IMPRESSIONS}",
        f"publications list {IMPRESSIONS}",
        "publications show core_impressions_20260301_1",
        f"day list {IMPRESSIONS}",
        f"day withdraw {IMPRESSIONS} {D1} --reason x",
        f"contract show {IMPRESSIONS}",
        f"contract plan {IMPRESSIONS}",
        f"backfill plan {IMPRESSIONS} {KEYS}",
        f"pin {IMPRESSIONS} --until 2099-01-01 --why x",
        "pins list",
        f"pins end {D1:%Y}",
        f"ingest raw.plays --close-through {D2}",
        "heal list",
        "stream status",
        "alerts check",
        "metrics write --to {home}/m.prom",
        "lake backup {home}/backup",
    ],
)
def test_a_command_that_the_dataset_does_not_concern_ends_well(
    command: str, sql: Path, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    if command.startswith("pins end"):
        [pinned] = json.loads(called("pins list", capsys)[1])
        command = f"pins end {pinned['pin']}"
    code, _, err = called(command.format(home=lake.settings.home), capsys)
    assert (code, "error" in err) == (0, False), err


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("vtts list", IMPRESSIONS),
        ("publications list", IMPRESSIONS),
        ("day list", IMPRESSIONS),
        ("late scan", ""),
        ("heal plan", ""),
        ("contract plan", ""),
        ("landing status", ""),
        (f"ingest --close-through {D2 + (D2 - D1)}", "raw.impressions"),
    ],
)
def test_a_command_over_all_datasets_does_the_others_and_names_it(
    command: str, shown: str, sql: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(command, capsys)
    error = json.loads(err)["error"]
    assert (code, error["type"]) == (1, "ContractError")
    assert f"{sql}/core/plays/contract.odcs.yaml:" in error["message"]
    assert re.search(r"core\.impression_plays, core\.play_attributions\b.* are made from that", error["message"])
    assert shown in out
    assert PLAYS not in out


@pytest.mark.parametrize(
    "command",
    [f"vtts explain {PLAYS}", f"run {PLAYS} --key {D1}", f"publications list {PLAYS}", f"day list {PLAYS}",
     f"publications show core_plays_{D1:%Y%m%d}_1", f"contract show {PLAYS}", "vtts explain core.play_attributions"],
)  # fmt: skip
def test_a_command_about_the_dataset_ends_in_the_mistake(
    command: str, sql: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(command, capsys)
    error = json.loads(err)["error"]
    assert (code, out, error["type"]) == (1, "", "ContractError")
    assert f"{sql}/core/plays/contract.odcs.yaml:" in error["message"]


@pytest.mark.parametrize(
    "command",
    [
        f"dataset retire {IMPRESSIONS} --reason x --dry-run",
        f"dataset retire {IMPRESSIONS} --reason x",
        "lake begin 2026-01-01",
        "lake upgrade",
        "lake relocate",
    ],
)
def test_what_would_be_wrong_without_the_dataset_is_refused(
    command: str, sql: Path, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = called(command, capsys)
    assert (code, json.loads(err)["error"]["type"]) == (1, "ContractError")
    assert lake.exists(IMPRESSIONS)


def test_contract_check_names_the_mistake_and_nothing_that_follows(
    sql: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = called("contract check", capsys)
    [problem] = json.loads(out)
    assert (code, problem["file"]) == (1, f"{sql}/core/plays/contract.odcs.yaml")


def test_doctor_fails_and_looks_at_the_rest(
    sql: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matinee.cli.doctor.CHECKS", {})
    code, out, _ = called("doctor", capsys)
    rows = json.loads(out)
    [failed] = [row for row in rows if row["state"] == "failed"]
    assert (code, failed["check"]) == (1, "contracts")
    assert "core/plays/contract.odcs.yaml:" in failed["detail"]
    assert re.search(r"So core\.play_attributions, core\.impression_plays\b.* cannot be made\.", failed["detail"])
    assert [row["check"] for row in rows if "model 7" in row["detail"]] == ["pins"]


def test_a_look_of_doctor_that_fails_keeps_no_other_from_its_rows(
    sql: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(sql, "raw.quarantine")
    monkeypatch.setattr("matinee.cli.doctor.CHECKS", {})
    code, out, _ = called("doctor", capsys)
    rows = [(row["check"], row["state"]) for row in json.loads(out)]
    assert (code, ("pins", "ok") in rows, rows.count(("contracts", "failed"))) == (1, True, 2)


def test_files_of_the_dataset_wait_and_the_others_land(
    sql: Path, lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = spoil(sql, "raw.plays")
    landing = tmp_path / "landing"
    landing.mkdir()
    day = {"day": "2026-03-03", "expected_rows": 0, "closed": True}
    declared = [{"dataset": name, **day} for name in ("raw.impressions", "raw.plays")]
    (landing / "manifest-3.json").write_text("\n".join(map(json.dumps, declared)))
    (landing / "plays-3.jsonl").write_text("{}\n")
    row = {"event_id": "e9", "profile_id": "a", "title_id": "t", "row": 1, "position": 1}
    (landing / "impressions-3.jsonl").write_text(json.dumps(row | {"event_ts": "2026-03-03T12:00:00Z"}))

    code, _, err = called(f"ingest --from {landing}", capsys)
    _, out, _ = called(f"landing status --from {landing}", capsys)

    assert (code, f"{file}:" in json.loads(err)["error"]["message"]) == (1, True)
    states = {row["file"].rpartition("/")[2]: row["state"] for row in json.loads(out)}
    assert states == {"impressions-3.jsonl": "landed", "plays-3.jsonl": "refused", "manifest-3.json": "landed"}

    file.write_text(file.read_text().replace("schema: [", "schema:", 1))
    assert called(f"ingest --from {landing}", capsys)[0] == 0
    _, out, _ = called(f"landing status raw.plays --from {landing}", capsys)
    assert [row["state"] for row in json.loads(out)] == ["landed"]
