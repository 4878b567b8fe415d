"""Which cells are worth rewriting, and how large a slice may be: literal numbers in, plans out."""

import pytest
from tests.support.lakes import D1, D2

from matinee.maintenance.slices import (
    DEFAULT_SLICE_BYTES,
    MIB,
    CellFiles,
    StoredFile,
    cells_of,
    plan_slices,
    slice_bytes,
)

KIB = 2**10
FULL = 512 * MIB
MINUTE = 60_000


def cell(files: int, size: int, bucket: int = 0, day: object = D1) -> CellFiles:
    """A cell of equal files that would become one file."""
    return CellFiles(day, bucket, files, 1, files * size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "size", "worth"), [(5, KIB, True), (4, KIB, False), (8, 7 * MIB, True), (8, 9 * MIB, False)]
)
def test_a_rewrite_must_pay_within_four_reads_its_job_included(files: int, size: int, worth: bool) -> None:
    assert bool(plan_slices([cell(files, size)], FULL)) == worth


def test_the_files_of_a_cell_are_counted_by_partition() -> None:
    files = [StoredFile(D1, None, partition, MIB) for partition in ("a", "a", "a", "b")]
    assert cells_of(files, FULL) == [CellFiles(D1, None, 4, 2, 4 * MIB)]


def test_files_that_are_full_already_save_nothing() -> None:
    [cell_files] = cells_of([StoredFile(D1, 0, "a", FULL)] * 3, FULL)
    assert (cell_files.files_after, cell_files.saved) == (3, 0)


def test_cells_come_by_day_and_bucket() -> None:
    files = [StoredFile(day, bucket, "a", 1) for day, bucket in ((D2, 0), (D1, 1), (D1, 0), (D1, 1))]
    assert [(cell_files.day, cell_files.bucket, cell_files.files) for cell_files in cells_of(files, FULL)] == [
        (D1, 0, 1),
        (D1, 1, 2),
        (D2, 0, 1),
    ]


def test_a_slice_has_cells_of_one_day_and_the_best_day_comes_first() -> None:
    cells = [cell(9, 4 * MIB, 0), cell(9, KIB, 0, D2), cell(9, KIB, 1, D2)]
    planned = plan_slices(cells, FULL)
    assert [(day_slice.day, day_slice.buckets) for day_slice in planned] == [(D2, (0, 1)), (D1, (0,))]


def test_cells_that_would_not_pay_alone_share_the_cost_of_a_job() -> None:
    [planned] = plan_slices([cell(3, KIB, bucket) for bucket in range(4)], FULL)
    assert planned.buckets == (0, 1, 2, 3)


def test_a_cell_that_is_not_worth_its_bytes_is_not_carried_by_others() -> None:
    [planned] = plan_slices([cell(20, KIB, 0), cell(2, 100 * MIB, 1)], FULL)
    assert planned.buckets == (0,)


def test_a_slice_is_no_larger_than_allowed_but_for_a_single_cell() -> None:
    cells = [cell(20, MIB, 0), cell(30, MIB, 1), cell(90, MIB, 2)]
    planned = plan_slices(cells, 50 * MIB)
    assert sorted(day_slice.buckets or () for day_slice in planned) == [(0, 1), (2,)]


def test_a_table_without_buckets_is_sliced_by_day() -> None:
    [planned] = plan_slices([CellFiles(D1, None, 9, 1, KIB)], FULL)
    assert planned.buckets is None


def test_a_slice_takes_half_the_usual_gap_at_the_measured_pace() -> None:
    commits = [0, MINUTE, 2 * MINUTE, 3 * MINUTE, 30 * MINUTE]
    assert slice_bytes(commits, [(320 * MIB, 20.0), (160 * MIB, 10.0)]) == 30 * 16 * MIB


def test_tiny_compactions_do_not_tell_the_pace() -> None:
    commits = [0, MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert slice_bytes(commits, [(KIB, 4.0), (320 * MIB, 20.0)]) == 30 * 16 * MIB
    assert slice_bytes(commits, [(KIB, 4.0)]) == slice_bytes(commits, []) == 30 * 8 * MIB


def test_too_few_commits_have_no_usual_gap() -> None:
    assert slice_bytes([0, MINUTE, 2 * MINUTE], [(320 * MIB, 20.0)]) == DEFAULT_SLICE_BYTES
