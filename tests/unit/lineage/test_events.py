"""OpenLineage is told the snapshots in and out, the rows and the verdicts of each publication."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.serde import Serde
from tests.support.lakes import D1, PLANNED, core_play, land, make_lake, pin, prepare, raw_play
from tests.support.openlineage import check
from tests.support.web import Answer, Request, web_server

from matinee.errors import AuditFailedError, UsageError
from matinee.healing.register import Decision, record
from matinee.ledger.model import Run
from matinee.lineage.emission import failure_told, send_events
from matinee.lineage.events import events
from matinee.publication.move import move_to_main
from matinee.report import ErrorReport, Report, Rows, Verdict
from matinee.table.catalog import Lake

PLAYS = "core.plays"
VERDICTS = (
    Verdict(audit="unusual_volume", severity="warning", verdict="insufficient", detail="2 days"),
    Verdict(audit="unique", severity="blocking", verdict="fail", bad_rows=3),
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def publish(lake: Lake) -> Run:
    land(lake, "raw.plays", [raw_play(D1)])
    run = prepare(lake, PLAYS, D1, [core_play(D1)], pins=(pin(lake, "raw.plays", {D1: 1}),))
    move_to_main(lake, run, lambda _: ())
    return run


def report(step: str, **fields: Any) -> Report:  # noqa: ANN401 - fields of several types
    return Report(step=step, dataset=PLAYS, days=(D1,), **fields)


def told(lake: Lake, *reports: Report) -> list[dict[str, Any]]:
    """Return the events as they are sent, checked by the standard."""
    return [check(json.loads(Serde.to_json(event))) for each in reports for event in events(lake, each, PLANNED)]


def test_a_publication_tells_snapshots_and_rows(lake: Lake) -> None:
    run = publish(lake)
    rows = Rows.model_validate({"in": 3, "out": 2})
    [event] = told(lake, report("publish", publication_id=run.publication_id, snapshot_id=7, rows=rows))
    assert (event["eventType"], event["job"]["name"]) == ("COMPLETE", PLAYS)
    [read], [written] = event["inputs"], event["outputs"]
    assert (read["name"], read["namespace"]) == ("raw.plays", lake.settings.warehouse_uri)
    assert read["facets"]["version"]["datasetVersion"] == str(run.pins[0].snapshot_id)
    assert (written["name"], written["facets"]["version"]["datasetVersion"]) == (PLAYS, "7")
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-03-01T00:00:00+00:00"


def test_the_steps_of_a_publication_are_one_run(lake: Lake) -> None:
    run = publish(lake)
    steps = [report(step, publication_id=run.publication_id, snapshot_id=7) for step in ("write", "audit", "publish")]
    seen = told(lake, *steps)
    assert [event["eventType"] for event in seen] == ["START", "RUNNING", "COMPLETE"]
    assert len({event["run"]["runId"] for event in seen}) == 1


def test_verdicts_are_assertions_on_what_was_judged(lake: Lake) -> None:
    run = publish(lake)
    fields = {"publication_id": run.publication_id, "snapshot_id": 7, "verdicts": VERDICTS}
    _, audits = told(lake, report("publish", **fields))
    assert (audits["job"]["name"], audits["eventType"]) == (f"{PLAYS}.audits", "FAIL")
    [subject] = audits["inputs"]
    asserted = subject["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"], each["severity"]) for each in asserted] == [
        ("unusual_volume", True, "warn"),
        ("unique", False, "error"),
    ]
    assert asserted[1]["actual"] == "3"


def test_a_failure_is_the_end_of_the_run_and_says_why(lake: Lake) -> None:
    run = publish(lake)
    error = ErrorReport.of(AuditFailedError("3 bad rows.", next_step="Look."))
    [event] = told(lake, report("audit", publication_id=run.publication_id, error=error))
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "AuditFailedError: 3 bad rows. Next: Look."
    assert "facets" not in event["outputs"][0] or event["outputs"][0]["facets"] == {}


def test_a_landing_is_a_job_of_its_own(lake: Lake) -> None:
    landed = Report(step="ingest", dataset="raw.plays", snapshot_id=5, rows=Rows.model_validate({"in": 3, "out": 2}))
    [event] = told(lake, landed)
    assert (event["job"]["name"], event["eventType"]) == ("ingest raw.plays", "COMPLETE")
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_what_changes_no_dataset_tells_nothing(lake: Lake) -> None:
    assert told(lake, Report(step="maintain", dataset=PLAYS), Report(step="ingest", dataset="raw.plays")) == []


def test_events_go_where_the_variables_say(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = publish(lake)
    done = report("publish", publication_id=run.publication_id, snapshot_id=7)

    def take(request: Request) -> Answer:
        check(json.loads(request.body))
        return Answer(201 if request.path == "/api/v1/lineage" else 404)

    with web_server(take) as server:
        monkeypatch.setenv("OPENLINEAGE_URL", server.url)
        send_events(lake.settings, done)
    assert len(server.requests) == 1


def test_a_file_gets_the_events(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"TYPE": "file", "LOG_FILE_PATH": str(tmp_path / "events.json"), "APPEND": "true"}
    for name, value in options.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    with pytest.raises(UsageError), failure_told(lake.settings, "publish", PLAYS):
        raise UsageError("wrong.", next_step="n")
    [line] = (tmp_path / "events.json").read_text().splitlines()
    event = check(json.loads(line))
    assert (event["eventType"], event["job"]["name"]) == ("FAIL", PLAYS)


def test_each_publication_of_a_heal_is_told(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = publish(lake)
    healed = Decision("h1", 1, PLAYS, D1, "heal", "late", "x", publication_id=run.publication_id, recorded_ts=PLANNED)
    record(lake, [healed, replace(healed, round=2), replace(healed, heal_id="h2", publication_id="other")])
    monkeypatch.setenv(
        "OPENLINEAGE__TRANSPORT", json.dumps({"type": "file", "log_file_path": str(tmp_path / "events")})
    )
    send_events(lake.settings, Report(step="heal", dataset="", details={"heal_id": "h1"}))
    [file] = tmp_path.glob("events*")
    event = check(json.loads(file.read_text()))
    assert (event["eventType"], event["job"]["name"]) == ("COMPLETE", PLAYS)
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_without_a_variable_nothing_is_sent(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    send_events(lake.settings, report("publish"), environment={})
    assert capsys.readouterr() == ("", "")


def test_a_server_that_is_away_fails_no_step(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", '{"type": "http", "url": "http://127.0.0.1:1", "retry": {"total": 0}}')
    send_events(lake.settings, report("publish", snapshot_id=7))
    assert "OpenLineage was not told" in caplog.text
