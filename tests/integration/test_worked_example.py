"""The worked example of sql/README.md, word for word: a new dataset is a folder and a DAG file."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support import streams
from tests.support.lakes import D1, D2, arrow, land_days, pin, prepare

from matinee.cli.main import main
from matinee.contracts.validate import check_all
from matinee.maintenance.compaction import compact
from matinee.publication.move import move_to_main
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import CHECKOUT, Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

README = CHECKOUT / "sql" / "README.md"
TITLES = "features.title_daily"
UPSTREAM = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


def snippet(name: str) -> str:
    """Return the code block that follows a marker in the README."""
    block = re.search(rf"<!-- worked example: {name} -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None, name
    return block[1]


@pytest.fixture
def extended(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose datasets are the shipped ones and that of the README."""
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    folder = sql / "features" / "title_daily"
    (folder / "audits").mkdir(parents=True)
    (folder / "contract.odcs.yaml").write_text(snippet("contract"))
    (folder / "transform.sql").write_text(snippet("transform"))
    (folder / "audits" / "title_never_shown.sql").write_text(snippet("audit"))
    (folder / "serve.yaml").write_text(snippet("serve"))
    return settings.model_copy(update={"sql_dir": sql})


Call = Callable[..., Any]


@pytest.fixture
def call(extended: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with `--output json` on the extended lake; return what it printed."""
    for name in ("home", "sql_dir"):
        monkeypatch.setenv(f"MATINEE_{name.upper()}", str(getattr(extended, name)))
    monkeypatch.setenv("SPARK_REMOTE", extended.spark_remote or "")

    def run_command(*arguments: str) -> Any:  # noqa: ANN401 - any JSON
        code: object = 0
        try:
            main([*arguments, "--output", "json"])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        assert not code, printed.err
        return json.loads(printed.out)

    return run_command


def rates(settings: Settings) -> dict[tuple[date, str], tuple[int, int]]:
    """Return by day and title how often it was shown, and how often taken."""
    rows = Lake.open(settings).table(TITLES).scan().to_arrow().to_pylist()
    return {(row["event_day"], row["title_id"]): (row["impressions"], row["taken"]) for row in rows}


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.embedded
def test_the_example_is_healed_explained_and_withdrawn_by_the_command_line(
    call: Call, extended: Settings, tmp_path: Path
) -> None:
    lake = Lake.open(extended)
    land_days(lake, D1, D2)
    for dataset in (*UPSTREAM, TITLES):
        call("run", dataset, "--from", str(D1), "--to", str(D2))
    assert rates(extended) == {(D1, "t1"): (1, 1), (D2, "t2"): (1, 1)}
    late = (
        streams.impression(101, f"{D1}T12:00:00Z", title_id="late"),
        streams.impression(102, f"{D1}T12:00:00Z", title_id="t1"),
    )
    (tmp_path / "impressions.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in late))
    call("ingest", "--from", str(tmp_path / "impressions.jsonl"))
    made = {(decision["dataset"], decision["day"]): decision for decision in call("heal", "apply")}
    healed = made[TITLES, str(D1)]
    assert (healed["decision"], healed["cells"]) == ("heal", 1)
    assert (TITLES, str(D2)) not in made
    assert rates(extended) == {(D1, "late"): (1, 0), (D1, "t1"): (2, 1), (D2, "t2"): (1, 1)}
    assert call("late", "scan") == []
    shown = call("publications", "show", healed["publication"])
    assert (shown["buckets"], shown["days"][str(D1)]["rows"]) == (None, 2)
    assert [entry["dataset"] for entry in shown["inputs"]] == ["core.impression_plays"]
    call("day", "withdraw", TITLES, str(D1), "--reason", "wrong labels")
    assert call("vtts", "explain", TITLES)["held_by"]["detail"] == "withdrawn: wrong labels"
    call("run", TITLES, "--key", str(D1))
    assert Validity(Lake.open(extended)).status(TITLES, D1).valid


@pytest.mark.spark
@pytest.mark.embedded
def test_the_files_of_a_day_of_the_example_are_compacted(extended: Settings) -> None:
    table = Lake.open(extended).ensure(TITLES)
    for number in range(9):
        row = {"title_id": f"t{number}", "impressions": 2, "taken": 1, "take_rate": 0.5, "event_day": D1}
        table.append(arrow(table, [row]))
    before = rates(extended)
    assert compact(extended, TITLES).details["files_after"] == 1
    assert rates(extended) == before


@pytest.mark.spark
def test_the_example_is_checked_run_published_and_valid(extended: Settings) -> None:
    assert check_all(extended.sql_dir) == []
    lake = Lake.open(extended)
    land_days(lake, D1)
    for dataset in (*UPSTREAM, TITLES):
        report = run(extended, RunRequest(dataset, D1, D1))
    assert [verdict.audit for verdict in report.verdicts if verdict.audit == "title_never_shown"]
    rows = lake.table(TITLES).scan().to_arrow().to_pylist()
    assert rows == [{"title_id": "t1", "impressions": 1, "taken": 1, "take_rate": 1.0, "event_day": D1}]
    assert Validity(lake).status(TITLES, D1).valid


@pytest.mark.spark
@pytest.mark.embedded
def test_the_example_is_served_by_key(call: Call, extended: Settings) -> None:
    from matinee.serving.server.service import serving
    from matinee.serving.settings import ServingSettings

    lake = Lake.open(extended)
    land_days(lake, D1)
    # What runs of its inputs would publish.
    for dataset, source in (("core.impression_plays", "core.play_attributions"), (TITLES, "core.impression_plays")):
        rows = [{"title_id": "t1", "impressions": 4, "taken": 1, "take_rate": 0.25, "event_day": D1}]
        published = prepare(lake, dataset, D1, rows if dataset == TITLES else [], pins=(pin(lake, source, {}),))
        move_to_main(lake, published, lambda _: ())
    assert call("kv", "check") == []
    assert len(snippet("serve").splitlines()) <= 20
    assert call("kv", "build", TITLES, "--activate")["state"] == "active"
    with serving(extended, ServingSettings(port=0), [TITLES]) as service:
        [row] = call("kv", "get", TITLES, "t1", "--at", service.address)
    assert row == {"title_id": "t1", "impressions": 4, "taken": 1, "take_rate": 0.25}


def test_the_example_sql_passes_the_linter(tmp_path: Path) -> None:
    from sqlfluff.core import FluffConfig, Linter

    config = FluffConfig.from_path(str(CHECKOUT))
    linter = Linter(config=config)
    for name in ("transform", "audit"):
        assert linter.lint_string(snippet(name)).get_violations() == []


def test_the_example_dag_is_a_declaration() -> None:
    compiled = compile(snippet("dag"), "title_daily.py", "exec")
    assert "write_audit_publish" in compiled.co_names
