"""OpenLineage is told what a tick of the stream has landed, how far live tables followed, and of experiments."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.serde import Serde
from tests.support.lakes import D1, arrow, core_play, land, make_lake, raw_play
from tests.support.openlineage import check
from tests.support.ticks import ROWS, Clock, tick, without_engine

from matinee.errors import EngineFailedError
from matinee.ledger.model import InputPin, Run
from matinee.lineage.emission import failure_told, tick_told
from matinee.lineage.events import events
from matinee.lineage.streamed import streamed
from matinee.report import ErrorReport, Report, Rows, Verdict
from matinee.table import refs
from matinee.table.catalog import Lake

AT = datetime(2026, 3, 5, tzinfo=UTC)
LIVE = ("core.play_attributions_live", "core.impression_plays_live")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def two_ticks(lake: Lake) -> datetime:
    """Tick twice; return when the second tick began."""
    clock = Clock()
    with clock.ruling(), without_engine():
        for _ in range(2):
            clock.now += timedelta(minutes=2)
            tick(lake, clock)
    return clock.now


def plain(made: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the events as they are sent, checked by the standard, by job."""
    sent = [check(json.loads(Serde.to_json(event))) for event in made]
    return {event["job"]["name"]: event for event in sent}


def told(lake: Lake, since: datetime) -> dict[str, dict[str, Any]]:
    return plain(streamed(lake, Report(step="stream", dataset="", details={"since": since.isoformat()}), AT))


def version(dataset: dict[str, Any]) -> str:
    return str(dataset["facets"]["version"]["datasetVersion"])


def test_a_tick_tells_what_it_landed_and_what_followed(lake: Lake) -> None:
    seen = told(lake, two_ticks(lake))
    assert {*seen} == {"ingest raw.impressions", "ingest raw.plays", *LIVE}
    assert {event["job"]["facets"]["jobType"]["processingType"] for event in seen.values()} == {"STREAMING"}
    landed = seen["ingest raw.plays"]["outputs"][0]
    assert landed["outputFacets"]["outputStatistics"]["rowCount"] == ROWS
    assert version(landed) == str(refs.head(lake.table("raw.plays")))


def test_a_live_table_names_the_landings_that_it_has_followed(lake: Lake) -> None:
    since = two_ticks(lake)
    followed = told(lake, since)[LIVE[0]]
    [written] = followed["outputs"]
    assert (written["name"], version(written)) == (LIVE[0], str(refs.head(lake.table(LIVE[0]))))
    read = {each["name"]: version(each) for each in followed["inputs"]}
    assert read == {name: str(refs.head(lake.table(name))) for name in ("raw.impressions", "raw.plays")}
    land(lake, "raw.plays", [raw_play(D1)], seq=99, received=AT)
    later = {each["name"]: version(each) for each in told(lake, since)[LIVE[0]]["inputs"]}
    assert later == read


def test_a_tick_that_had_nothing_to_do_tells_nothing(lake: Lake) -> None:
    assert told(lake, two_ticks(lake) + timedelta(minutes=1)) == {}
    assert streamed(lake, Report(step="stream", dataset="", details={"note": "paused"}), AT) == []


def test_a_tick_that_fails_is_told_with_its_error(lake: Lake) -> None:
    error = ErrorReport.of(EngineFailedError("no rows.", next_step="Look."))
    [event] = plain(streamed(lake, Report(step="stream", dataset="", error=error), AT)).values()
    assert (event["job"]["name"], event["eventType"]) == ("stream", "FAIL")
    assert event["run"]["facets"]["errorMessage"]["message"] == "EngineFailedError: no rows. Next: Look."


def test_ticks_of_the_command_line_are_told_too(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = {"TYPE": "file", "LOG_FILE_PATH": str(tmp_path / "events.json"), "APPEND": "true"}
    for name, value in options.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    tick_told(lake.settings, two_ticks(lake))
    error = EngineFailedError("no rows.", next_step="Look.")
    tick_told(lake.settings, AT, error)
    with pytest.raises(EngineFailedError), failure_told(lake.settings, "stream", ""):
        raise error
    sent = [check(json.loads(line)) for line in (tmp_path / "events.json").read_text().splitlines()]
    assert [event["eventType"] for event in sent] == ["COMPLETE"] * 4 + ["FAIL"] * 2


def experiment(lake: Lake) -> Report:
    """An experiment that has written a play to its branch, and what its audit said."""
    table, name = lake.ensure("core.plays"), "experiment_long"
    base = refs.head(table)
    pins = (InputPin("raw.plays", 42, 1, None, {D1: 1}),)
    run = Run("core_plays_e1", "core.plays", str(D1), D1, D1, base, pins, "1.0.0", "test", AT)
    refs.create_branch(table, name, base)
    table = lake.table("core.plays")
    table.append(arrow(table, [core_play(D1)]), snapshot_properties=run.to_summary(), branch=name)
    verdict = Verdict(audit="unique", severity="blocking", verdict="pass")
    fields = {"publication_id": "core_plays_e1", "branch": name, "snapshot_id": 7, "verdicts": (verdict,)}
    return Report(step="experiment", dataset="core.plays", days=(D1,), rows=Rows.model_validate({"out": 1}), **fields)  # type: ignore[arg-type]


def test_an_experiment_is_a_job_of_its_branch(lake: Lake) -> None:
    seen = plain(events(lake, experiment(lake), AT))
    name = "core.plays.branch_experiment_long"
    assert {*seen} == {name, f"{name}.audits"}
    assert [(each["name"], version(each)) for each in seen[name]["inputs"]] == [("raw.plays", "42")]
    assert [(each["name"], version(each)) for each in seen[name]["outputs"]] == [(name, "7")]
    assert seen[f"{name}.audits"]["inputs"][0]["name"] == name


def test_an_experiment_that_fails_is_no_failure_of_its_dataset(lake: Lake) -> None:
    error = ErrorReport.of(EngineFailedError("no rows.", next_step="Look."))
    failed = Report(step="experiment", dataset="core.plays", branch="experiment_long", error=error)
    [event] = plain(events(lake, failed, AT)).values()
    assert (event["job"]["name"], event["eventType"]) == ("core.plays.branch_experiment_long", "FAIL")
