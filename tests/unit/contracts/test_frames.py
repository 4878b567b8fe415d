"""Literal rows against their contract."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.support.nested import list_of

from matinee.contracts.frames import expected_frame, pandera_schema
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.settings import CHECKOUT

DAY = date(2026, 3, 1)
PLAY = {
    "play_id": "p1",
    "profile_id": "ana",
    "title_id": "t1",
    "start_ts": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "play_day": DAY,
    "profile_bucket": 3,
}
IMPRESSION = {
    "event_id": "e1",
    "profile_id": "ana",
    "title_id": "t1",
    "row": 1,
    "position": 2,
    "event_ts": datetime(2026, 3, 1, 11, 59, 59, 123456, tzinfo=UTC),
    "received_ts": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "event_day": DAY,
    "profile_bucket": 3,
    "plays": 0,
    "plays_without_duration": 0,
    "watch_ms": 0,
    "label": "pending",
    "is_mature": False,
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(CHECKOUT / "sql")


@pytest.fixture
def attributions(registry: Registry) -> Contract:
    return registry.get("core.play_attributions")


@pytest.fixture
def impression_plays(registry: Registry) -> Contract:
    return registry.get("core.impression_plays")


def test_rows_become_a_frame_with_the_contracts_columns_and_types(attributions: Contract) -> None:
    frame = expected_frame(attributions, [PLAY, {**PLAY, "play_id": "p2", "duration_ms": 2**53 + 1}])

    assert tuple(frame.columns) == attributions.column_names
    assert str(frame.dtypes["start_ts"]) == "datetime64[us, UTC]"
    assert frame["duration_ms"].isna().tolist() == [True, False]
    assert frame["duration_ms"].iloc[1] == 2**53 + 1
    assert frame["play_day"].tolist() == [DAY, DAY]


def test_microseconds_are_kept(impression_plays: Contract) -> None:
    frame = expected_frame(impression_plays, [IMPRESSION])

    assert frame["event_ts"].iloc[0].microsecond == 123456


def test_no_rows_are_a_valid_frame(impression_plays: Contract) -> None:
    assert expected_frame(impression_plays, []).empty


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"title_id": None}, "title_id: not_nullable"),
        ({"title_id": 7}, "title_id: 7 is not of type string"),
        ({"position": 0}, r"position: greater_than_or_equal_to\(1\)"),
        ({"position": 1.5}, "position: 1.5 is not of type int"),
        ({"position": 2**40}, "position: a value does not fit int"),
        ({"is_mature": 0}, "is_mature: 0 is not of type boolean"),
        ({"event_ts": datetime(2026, 3, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"profile_bucket": 8}, r"profile_bucket: less_than_or_equal_to\(7\)"),
        ({"label": "maybe"}, "label: isin"),
        ({"event_day": None}, "event_day: not_nullable"),
        ({"titel_id": "t1"}, "row 0 has titel_id"),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused(
    impression_plays: Contract, fault: dict[str, object], reason: str
) -> None:
    with pytest.raises(ContractError, match=reason):
        expected_frame(impression_plays, [{**IMPRESSION, **fault}])


def test_a_key_that_stands_twice_in_a_day_is_refused(attributions: Contract) -> None:
    with pytest.raises(ContractError, match="unique_play_day_play_id"):
        expected_frame(attributions, [PLAY, PLAY])


def test_a_key_may_stand_again_on_another_day(attributions: Contract) -> None:
    assert len(expected_frame(attributions, [PLAY, {**PLAY, "play_day": date(2026, 3, 2)}])) == 2


def test_a_unique_column_is_unique_within_the_day(attributions: Contract) -> None:
    columns = tuple(replace(column, unique=column.name == "title_id") for column in attributions.columns)

    with pytest.raises(ContractError, match="unique_play_day_title_id"):
        expected_frame(replace(attributions, columns=columns), [PLAY, {**PLAY, "play_id": "p2"}])


def test_a_frame_of_another_source_is_coerced_where_nothing_is_lost(attributions: Contract) -> None:
    frame = expected_frame(attributions, [PLAY]).astype({"profile_bucket": "int64", "duration_ms": "float64"})
    frame["start_ts"] = frame["start_ts"].dt.tz_localize(None).astype("datetime64[ns]")

    valid = pandera_schema(attributions).validate(frame)

    assert str(valid.dtypes["profile_bucket"]) == "Int32"
    assert valid["start_ts"].tolist() == [PLAY["start_ts"]]


def test_a_number_in_a_text_column_is_not_coerced_away(attributions: Contract) -> None:
    import pandera.errors

    frame = expected_frame(attributions, [PLAY])
    frame["title_id"] = [7]

    with pytest.raises(pandera.errors.SchemaError, match="is_string"):
        pandera_schema(attributions).validate(frame)


def test_a_list_is_of_its_items(attributions: Contract) -> None:
    lists = replace(attributions, columns=(*attributions.columns, list_of("ranks", "long")))

    rows = [PLAY, {**PLAY, "play_id": "p2", "ranks": [1, 2]}]
    assert expected_frame(lists, rows)["ranks"].tolist() == [None, [1, 2]]
    for wrong in ([1, "2"], [1, None], 1):
        with pytest.raises(ContractError, match=r"ranks: .* is not of type list"):
            expected_frame(lists, [{**PLAY, "ranks": wrong}])
