"""kill -9 of a delta: offsets and entries stand together, so the next process goes on where the entries end."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.sent import AT, FIRST, main

from matinee.days import micros_of
from matinee.serving.delta.store import Delta
from matinee.serving.impressions import KEY
from matinee.serving.keys import after
from matinee.settings import load_settings

IN_TRIM = ("delta.in_trim",)
IN_APPLY = [point for point in points_of("delta") if point not in IN_TRIM]


def held(folder: Path) -> tuple[int, int, int]:
    """The next record, how many events were counted, and how many impressions the tiles have."""
    delta, prefix = Delta(folder, FIRST), KEY.encode(["a"])
    try:
        state = delta.state
        parts = delta.view(prefix).parts(prefix, after(prefix) or b"", state.first, micros_of(AT))
        return state.offsets.get(0, 0), state.events, sum(seen.impressions for _, seen in parts)
    finally:
        delta.close()


def run(folder: Path, tmp_path: Path, point: str, act: str) -> None:
    settings = load_settings(home=tmp_path, catalog="embedded", spark_remote=None)
    die(settings, point, tmp_path / "marker", "-m", "tests.support.sent", str(folder), act)


@pytest.mark.parametrize("point", IN_APPLY)
def test_records_are_added_with_their_offsets_or_not_at_all(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "delta"
    run(folder, tmp_path, point, "apply")
    assert held(folder) == ((2, 2, 2) if point == "delta.after_batch" else (0, 0, 0))
    if point == "delta.before_batch":
        main(str(folder), "apply")
    assert held(folder) == (2, 2, 2)


@pytest.mark.parametrize("point", IN_TRIM)
def test_a_delta_that_was_trimmed_in_part_is_trimmed_by_the_next_call(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "delta"
    main(str(folder), "apply")
    run(folder, tmp_path, point, "trim")
    main(str(folder), "trim")
    assert held(folder) == (2, 2, 1)
    main(str(folder), "apply")
    delta = Delta(folder, FIRST)
    assert (delta.state.first, delta.state.late, delta.state.repeats) == (FIRST + timedelta(days=1), 1, 1)
    delta.close()
