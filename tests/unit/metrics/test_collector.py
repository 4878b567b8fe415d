"""Prometheus is told what the ledger and the registers say, whatever source fails."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from tests.support.lakes import D1, D2, PLANNED, core_play, land, make_lake, pin, prepare, raw_play
from tests.support.ticks import Clock

from matinee.days import end_of, start_of
from matinee.errors import (
    AuditFailedError,
    CatalogUnavailableError,
    EnvironmentNotReadyError,
    StaleInputsError,
    UsageError,
)
from matinee.healing.register import Decision
from matinee.healing.register import record as record_heals
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.live.register import Tick
from matinee.live.register import record as record_tick
from matinee.metrics.collector import Metrics
from matinee.metrics.exposition import LOOPBACK, serving, write
from matinee.metrics.gauges import gauge
from matinee.metrics.heals import heals
from matinee.metrics.stream import stream
from matinee.metrics.tables import tables
from matinee.metrics.trust import trust
from matinee.parity.register import Parity
from matinee.parity.register import record as record_parity
from matinee.publication.move import move_to_main
from matinee.readout.failures import failures
from matinee.report import ErrorReport, Report
from matinee.settings import Settings
from matinee.table.catalog import Lake

PLAYS = ("core.plays",)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def told(metrics: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """Return the samples, by the metric's name and the values of its labels."""
    samples = [sample for metric in metrics for sample in metric.samples]
    return {(sample.name.removeprefix("matinee_"), *sample.labels.values()): sample.value for sample in samples}


def publish(lake: Lake) -> None:
    """Land two days and publish the first."""
    rows = [raw_play(D1), raw_play(D1, "p2"), raw_play(D2, "p3")]
    land(lake, "raw.plays", rows, received=PLANNED)
    plays = [core_play(D1), core_play(D1, "p2")]
    run = prepare(lake, "core.plays", D1, plays, pins=(pin(lake, "raw.plays", {D1: 1}),))
    move_to_main(lake, run, lambda _: ())


def test_trust_is_told_as_instants(lake: Lake) -> None:
    publish(lake)
    seen = told(trust(lake.settings))
    assert seen["vtts_timestamp_seconds", *PLAYS] == end_of(D1).timestamp()
    assert seen["vtts_timestamp_seconds", "core.impressions"] == start_of(D1).timestamp()
    assert seen["held", *PLAYS, *PLAYS, "unpublished"] == 1
    assert seen["freshness_target_seconds", *PLAYS] > 3600


def test_what_was_landed_and_published_is_told(lake: Lake) -> None:
    publish(lake)
    seen = told(trust(lake.settings))
    assert seen["landed_timestamp_seconds", "raw.plays"] == PLANNED.timestamp()
    assert seen["newest_landed_day_timestamp_seconds", "raw.plays"] == start_of(D2).timestamp()
    assert seen["newest_landed_day_rows", "raw.plays"] == 1
    assert seen["newest_published_day_timestamp_seconds", *PLAYS] == start_of(D1).timestamp()
    assert (seen["newest_published_day_rows", *PLAYS, "in"], seen["publications", *PLAYS, "published"]) == (2, 1)


def test_a_withdrawal_is_told(lake: Lake) -> None:
    publish(lake)
    newest = history(lake, "core.plays").newest(D1)
    assert newest is not None
    withdraw(lake, newest, "wrong")
    seen = told(trust(lake.settings))
    assert seen["held", *PLAYS, *PLAYS, "withdrawn"] == 1
    assert seen["publications", *PLAYS, "withdrawn"] == 1


def test_a_new_lake_has_nothing_to_tell(lake: Lake) -> None:
    seen = told([*trust(lake.settings), *stream(lake.settings), *heals(lake.settings), *failures(lake.settings)])
    assert {name for name, *_ in seen} == {"freshness_target_seconds", "publications"}


def test_tables_are_told_with_their_sizes(lake: Lake) -> None:
    publish(lake)
    seen = told(tables(lake.settings))
    assert (seen["table_rows", "raw.plays"], seen["table_files", "raw.plays"]) == (3, 2)
    assert seen["table_bytes", "raw.plays"] > 100
    assert seen["landing_prepared_batches", "raw.plays"] == 0


def test_the_stream_is_told_by_its_last_tick(lake: Lake) -> None:
    clock = Clock()
    with clock.ruling():
        record_tick(lake, Tick("ran", rows_landed=3, lag_s=9.5))
        clock.now += timedelta(days=3)
        record_tick(lake, Tick("ran", lag_s=4.5))
        record_tick(lake, Tick("paused", reason="x"))
    seen = told(stream(lake.settings))
    assert seen["stream_tick_timestamp_seconds",] == clock.now.timestamp()
    assert (seen["stream_lag_seconds",], seen["stream_paused",]) == (4.5, 1)


def test_parity_is_that_of_the_last_compared_day(lake: Lake) -> None:
    record_tick(lake, Tick("ran"))
    parity = Parity("core.plays", D1, "p", 1, 10, 0, 4, {"x": 4}, {"title_id": 0.6, "label": 1.0})
    for differing, score in ((4, 0.6), (1, 0.9)):
        record_parity(lake, replace(parity, differing=differing, scores={"title_id": score}))
    seen = told(stream(lake.settings))
    assert (seen["parity_score", *PLAYS], seen["parity_differing_rows", *PLAYS]) == (0.9, 1)


def test_days_that_wait_for_a_person_are_counted(lake: Lake) -> None:
    asked = Decision("look_1", 1, "core.plays", D1, "human", "rows are lost", "x", recorded_ts=PLANNED)
    healed = replace(asked, heal_id="look_2", decision="heal", recorded_ts=PLANNED + timedelta(hours=1))
    record_heals(lake, [asked, replace(asked, day=D2), healed, replace(healed, dataset="core.impressions")])
    seen = told(heals(lake.settings))
    assert (seen["heals_for_a_person", *PLAYS], seen["heals_for_a_person", "core.impressions"]) == (1, 0)
    assert (seen["heal_decisions", *PLAYS, "human"], seen["heal_decisions", *PLAYS, "heal"]) == (2, 1)
    assert seen["heal_timestamp_seconds",] == (PLANNED + timedelta(hours=1)).timestamp()


def test_failed_steps_are_counted_by_class(lake: Lake) -> None:
    errors = [StaleInputsError("m", next_step="n"), StaleInputsError("m", next_step="n"), None]
    errors += [AuditFailedError("m", next_step="n")]
    for number, error in enumerate(errors):
        report = Report(step="audit", dataset="core.plays", error=ErrorReport.of(error) if error else None)
        report.write(lake.settings.run_dir / "reports" / f"{number}.json")
    seen = told(failures(lake.settings))
    assert seen == {("failed_steps", "audit", "conflict"): 2, ("failed_steps", "audit", "contract"): 1}


def broken(_: Settings) -> Iterator[Metric]:
    yield gauge("half", "Told before the fault.", (), [((), 1)])
    raise StaleInputsError("s3cr3t", next_step="n")


def fine(_: Settings) -> Iterator[Metric]:
    yield gauge("whole", "Told.", ("name",), [(('a"\n',), 1)])


def test_a_source_that_fails_is_told_and_hides_no_other(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    seen = told(Metrics(lake.settings, {"broken": broken, "fine": fine}).collect())
    assert seen == {("whole", 'a"\n'): 1, ("source_up", "broken"): 0, ("source_up", "fine"): 1}
    assert "The metrics of 'broken' are missing" in caplog.text


def test_a_file_holds_the_metrics_and_others_can_read_the_file(lake: Lake, tmp_path: Path) -> None:
    file, mask = tmp_path / "matinee.prom", os.umask(0o022)
    try:
        write(Metrics(lake.settings, {"fine": fine}), file)
    finally:
        os.umask(mask)
    assert 'matinee_whole{name="a\\"\\n"} 1.0' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    with pytest.raises(CatalogUnavailableError, match="A file is missing"):
        write(Metrics(lake.settings, {"fine": fine}), tmp_path / "no" / "matinee.prom")


def test_a_server_answers_on_the_loopback_interface_until_its_end(lake: Lake) -> None:
    direct = build_opener(ProxyHandler({}))
    with serving(Metrics(lake.settings, {"fine": fine}), 0) as address:
        assert address.startswith(f"http://{LOOPBACK}:")
        assert b"matinee_source_up" in direct.open(address, timeout=5).read()
        port = int(address.split(":")[2].split("/")[0])
        with pytest.raises(EnvironmentNotReadyError, match=f"listens on port {port}"):
            serving(Metrics(lake.settings, {}), port).__enter__()
    with pytest.raises(UsageError, match="70000 is no port"):
        serving(Metrics(lake.settings, {}), 70000).__enter__()
    with pytest.raises(OSError, match="refused"):
        direct.open(address, timeout=5)


def test_no_metric_is_told_twice(lake: Lake) -> None:
    publish(lake)
    registry = CollectorRegistry()
    sources = {"trust": trust, "tables": tables, "stream": stream, "heals": heals, "failures": failures}
    registry.register(Metrics(lake.settings, sources))
    helps = [line.split()[2] for line in generate_latest(registry).decode().splitlines() if line.startswith("# HELP")]
    assert len(helps) == len(set(helps)) > 10
