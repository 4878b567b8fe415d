"""A landing as a commit carries it: alone, as a range of a stream, or as a batch of files."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.support.lakes import PLANNED

from matinee.landing.model import Batch, Landing, landing_in
from matinee.table.files import LANDING_SEQ

FILE = Landing("raw.plays", "a.jsonl", "ab" * 32, 4, 3, 1, {"x": 2}, PLANNED, landing_seq=7, reasons={"blank_line": 1})
OTHER = replace(FILE, file="b.jsonl", sha256="cd" * 32, rows_in=2, rows_landed=2, rows_quarantined=0, landing_seq=8)
OTHER = replace(OTHER, unknown_fields={"x": 1, "y": 1}, reasons={})
BATCHED = tuple(replace(file, batch_id="b1", identity="i") for file in (FILE, OTHER))
STREAMED = replace(
    FILE, after={"t/0": 1}, through={"t/0": 5}, query_id="q", batch_ts="2026-03-01T00:00:00+00:00", topic_id="i"
)


@pytest.mark.parametrize(
    "landing", [FILE, STREAMED, replace(STREAMED, max_line_bytes=9), replace(FILE, batch_id="b1", first_seq=6)]
)
def test_a_commit_tells_all_of_a_landing(landing: Landing) -> None:
    assert landing_in(landing.to_summary(), 9) == replace(landing, snapshot_id=9)


@pytest.mark.parametrize("summary", [{}, {LANDING_SEQ: "3"}])
def test_a_commit_that_tells_of_no_landing_is_none(summary: Mapping[str, str]) -> None:
    assert landing_in(summary, 9) is None


def test_files_of_a_batch_are_one_landing_of_all_their_rows() -> None:
    whole = Landing.in_all(BATCHED)
    assert (whole.rows_in, whole.rows_landed, whole.rows_quarantined) == (6, 5, 1)
    assert (whole.unknown_fields, whole.reasons) == ({"x": 3, "y": 1}, {"blank_line": 1})
    assert (whole.first_seq, whole.landing_seq, whole.file) == (7, 8, "a.jsonl and 1 more")
    assert whole.sha256 not in (FILE.sha256, OTHER.sha256)


def test_a_batch_of_one_file_is_that_file() -> None:
    whole = Landing.in_all(BATCHED[:1])
    assert whole == replace(BATCHED[0], first_seq=7)


def test_its_branch_and_tag_are_its_own_and_the_same_after_a_kill() -> None:
    assert FILE.branch == replace(FILE, landing_seq=9, received_ts=PLANNED).branch
    assert FILE.branch != OTHER.branch
    assert FILE.tag != replace(FILE, dataset="raw.impressions").tag


def test_a_batch_is_read_back_from_its_row() -> None:
    batch = Batch("b1", "raw.plays", BATCHED, ("good.parquet",), ("bad.parquet",))
    row = batch.to_row("prepared", PLANNED)
    assert (row["first_seq"], row["last_seq"], row["state"]) == (7, 8, "prepared")
    assert Batch.from_row(row) == batch  # type: ignore[arg-type]
