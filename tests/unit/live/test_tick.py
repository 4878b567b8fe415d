"""A tick without an engine: what it lands, what it records, and when the live tables and upkeep follow."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import ids, make_lake
from tests.support.lost_catalogs import put_back, save_catalog

from matinee.errors import CommitConflictError, EngineFailedError, StreamPausedError, TopicChangedError, UsageError
from matinee.landing.ingest import ingest
from matinee.landing.model import Landing
from matinee.live import tick as module
from matinee.live.register import Tick, paused, record, ticks
from matinee.live.tick import source_of, tick
from matinee.live.topics import refuse_shorter
from matinee.sources.files.folder import Folder
from matinee.sources.kafka.records import Topics
from matinee.sources.protocol import Batch
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import Lease

RAW = "raw.plays"
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


@dataclass
class Live:
    """Stands for the live tables and their upkeep: notes each call, and raises `fail` if rows have landed."""

    done: list[str] = field(default_factory=list)
    steps: int = 0
    fail: Exception | None = None

    def update_live(self, lake: Lake, _: object, __: Lease) -> int:
        landed = len(ids(lake, RAW, "play_id")) if lake.exists(RAW) else 0
        self.done.append(f"live has {landed}")
        if self.fail and landed:
            raise self.fail
        return self.steps

    def keep_small(self, *_: object) -> None:
        self.done.append("upkeep")


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    stand_in = Live()
    monkeypatch.setattr(module, "same_server", nullcontext)
    monkeypatch.setattr(module, "spark_session", lambda _: nullcontext())
    monkeypatch.setattr(module, "update_live", stand_in.update_live)
    monkeypatch.setattr(module, "keep_small", stand_in.keep_small)
    return stand_in


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "landing").mkdir()
    return Folder(tmp_path / "landing")


def put(folder: Folder, *names: str) -> None:
    for name in names:
        (folder.path / f"plays-{name}.jsonl").write_text(PLAY % name)


def told(lake: Lake) -> list[tuple[str, int | None, str | None]]:
    return [(row.state, row.rows_landed, row.reason) for row in ticks(lake)]


def test_new_files_are_landed_then_the_live_tables_follow(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a", "b")
    live.steps = 1
    done, followed = tick(lake.settings, folder)
    assert (done.state, done.rows_landed, done.rows_quarantined, done.reason) == ("ran", 2, 0, None)
    assert (followed.state, followed.rows_landed, [*done.seconds, *followed.seconds]) == ("ran", None, ["land", "live"])
    assert live.done == ["live has 2", "upkeep"]


def test_a_following_tells_how_long_the_oldest_landed_record_has_waited(lake: Lake, live: Live) -> None:
    @dataclass
    class Waited:
        lags: tuple[float | None, ...]

        def poll(self, lease: Lease) -> Iterator[Batch]:
            for lag_s in self.lags:
                record(lease.lake, Tick("ran", rows_landed=1, lag_s=lag_s))
            yield []

    live.steps = 1
    assert (tick(lake.settings, Waited((3.0, 60.0, None)))[-1].lag_s or 0) // 60 == 1
    assert tick(lake.settings, Waited((None,)))[-1].lag_s is None


def test_the_live_tables_follow_what_others_landed_though_the_source_fails(
    lake: Lake, live: Live, folder: Folder
) -> None:
    class Down:
        def poll(self, _: Lease) -> Iterator[Batch]:
            raise EngineFailedError("No broker answers.", next_step="Start it.", facts={})

    put(folder, "a")
    ingest(lake.settings, None, [folder.path])
    with pytest.raises(EngineFailedError, match="No broker answers"):
        tick(lake.settings, Down())
    assert live.done == ["live has 1"]


def test_a_file_that_was_refused_is_told_of_once(lake: Lake, live: Live, folder: Folder) -> None:
    (folder.path / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    [done] = tick(lake.settings, folder)
    assert done.reason is not None
    assert "plays-bad.jsonl.gz" in done.reason
    assert tick(lake.settings, folder) == []


def test_a_refused_file_is_tried_again_once_it_has_changed(lake: Lake, live: Live, folder: Folder) -> None:
    (folder.path / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    tick(lake.settings, folder)
    (folder.path / "plays-bad.jsonl.gz").write_bytes(b"no gzip either")
    assert len(tick(lake.settings, folder)) == 1


def test_files_that_another_process_landed_are_no_batch(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a")
    tick(lake.settings, folder)
    assert tick(lake.settings, Folder(folder.path)) == []
    assert ids(lake, RAW, "play_id") == ["a"]


@pytest.mark.parametrize("others", [(), ("c",)], ids=["nothing else", "another landing"])
def test_files_that_an_older_catalog_does_not_know_are_landed_again(
    lake: Lake, live: Live, folder: Folder, tmp_path: Path, others: tuple[str, ...]
) -> None:
    put(folder, "a")
    tick(lake.settings, folder)
    save_catalog(lake.settings, tmp_path / "older")
    put(folder, "b")
    tick(lake.settings, folder)
    put_back(lake.settings, tmp_path / "older")
    for name in others:
        put(Folder(tmp_path), name)
        ingest(lake.settings, None, [tmp_path / f"plays-{name}.jsonl"])
    assert [batch.rows_landed for batch in tick(lake.settings, folder)] == [1]
    assert ids(lake, RAW, "play_id") == ["a", "b", *others]
    assert tick(lake.settings, folder) == []


def test_files_of_other_names_are_left_alone(lake: Lake, live: Live, folder: Folder) -> None:
    (folder.path / "notes.txt").write_text("x")
    (folder.path / "plays-folder").mkdir()
    assert tick(lake.settings, folder) == []


def test_a_paused_stream_moves_nothing(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a")
    record(lake, Tick("paused", reason="a bad release"))
    with pytest.raises(StreamPausedError, match=r"is paused since .*: a bad release"):
        tick(lake.settings, folder)
    assert (live.done, lake.exists(RAW)) == ([], False)


def test_a_stream_that_was_resumed_goes_on(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a")
    for state in ("paused", "resumed"):
        record(lake, Tick(state, reason="a bad release"))  # type: ignore[arg-type]
    assert [batch.rows_landed for batch in tick(lake.settings, folder)] == [1]


def test_a_tick_without_new_files_follows_what_others_landed(lake: Lake, live: Live, folder: Folder) -> None:
    live.steps = 1
    assert [(following.state, following.rows_landed) for following in tick(lake.settings, folder)] == [("ran", None)]
    assert live.done == ["live has 0", "upkeep"]


def test_a_tick_that_does_nothing_is_not_recorded_and_does_its_upkeep(lake: Lake, live: Live, folder: Folder) -> None:
    assert tick(lake.settings, folder) == []
    assert live.done[-1] == "upkeep"


def test_each_tick_does_its_upkeep_once(lake: Lake, live: Live, folder: Folder) -> None:
    for name in ("a", "b"):
        put(folder, name)
        tick(lake.settings, folder)
    assert live.done.count("upkeep") == 2


def test_a_tick_returns_its_own_batches_and_no_earlier_ones(lake: Lake, live: Live, folder: Folder) -> None:
    for name in ("a", "b"):
        put(folder, name)
        assert [batch.rows_landed for batch in tick(lake.settings, folder)] == [1]


def test_a_batch_that_is_not_what_its_contract_says_pauses_the_stream(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a")
    live.fail = StreamPausedError("schema: 40 of 41 records are quarantined.", next_step="Correct it.", facts={})
    with pytest.raises(StreamPausedError, match="is paused since"):
        tick(lake.settings, folder)
    assert told(lake) == [("ran", 1, None), ("paused", None, "schema: 40 of 41 records are quarantined.")]
    assert paused(lake) is not None
    assert "upkeep" not in live.done


@pytest.mark.parametrize("error", [EngineFailedError, CommitConflictError])
def test_rows_that_were_landed_are_told_of_though_the_live_tables_fail(
    lake: Lake, live: Live, folder: Folder, error: Callable[..., Exception]
) -> None:
    put(folder, "a")
    live.fail = error("It failed.", next_step="Again.", facts={})
    with pytest.raises(type(live.fail)):
        tick(lake.settings, folder)
    assert told(lake) == [("ran", 1, None)]


def test_a_failure_before_anything_was_landed_is_not_recorded(lake: Lake, live: Live, folder: Folder) -> None:
    put(folder, "a")
    tick(lake.settings, folder)
    live.fail = EngineFailedError("It failed.", next_step="Again.", facts={})
    with pytest.raises(EngineFailedError):
        tick(lake.settings, folder)
    assert told(lake) == [("ran", 1, None)]


@pytest.fixture
def reached(lake: Lake) -> Lake:
    """A lake whose plays were landed up to offset 3 of a topic."""
    through = Landing(RAW, "plays/0:0-3", "ab" * 32, 3, 3, 0, {}, datetime(2026, 3, 1, tzinfo=UTC), landing_seq=1)
    lake.ensure(RAW)
    summary = Landing(**{**vars(through), "through": {"plays/0": 3}}).to_summary()
    commit_nothing(lake, RAW, refs.MAIN, summary)
    return lake


@pytest.mark.parametrize("ends", [{"plays": {"0": 3}}, {"plays": {"0": 9, "1": 0}}, {"plays": {}}, {}], ids=str)
def test_a_topic_that_ends_where_it_was_landed_to_or_later_is_the_same(
    reached: Lake, ends: dict[str, dict[str, int]]
) -> None:
    refuse_shorter(reached, {"plays": RAW}, ends)


def test_a_topic_that_is_shorter_than_what_was_landed_is_refused(reached: Lake) -> None:
    with pytest.raises(TopicChangedError, match=r"plays/0 ends at offset 2, but raw\.plays has its records up to 3"):
        refuse_shorter(reached, {"plays": RAW}, {"plays": {"0": 2}})


def test_one_source_is_named(tmp_path: Path) -> None:
    for servers, folder in (("host:1", tmp_path), (None, None)):
        with pytest.raises(UsageError, match="Where events come from is not clear"):
            source_of(servers, folder)
    assert source_of("host:1", None) == Topics("host:1")
    assert source_of(None, tmp_path) == Folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        source_of(None, tmp_path / "nowhere")
