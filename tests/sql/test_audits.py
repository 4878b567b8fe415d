"""Each shipped audit catches the rows that it is for, and passes the rows that are right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.features import impression_daily, impression_ema
from tests.support.frames import frame

from matinee.audits.definitions import load_audits, parse_audit
from matinee.audits.runner import Evidence, register, run_audits
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.settings import default_sql_dir

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
D0, D1 = date(2026, 2, 28), date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = Evidence(rows=10_000, history_days=28)
ARGUMENTS: dict[str, object] = {
    "first_day": D1,
    "last_day": D1,
    "attribution_window_us": 24 * 3600 * 1_000_000,
    "attribution_min_delay_us": 0,
    "take_rate_min": 0.1,
    "take_rate_max": 0.6,
}
REGISTRY = Registry.load(default_sql_dir())
Rows = list[dict[str, Any]]
Views = Mapping[str, tuple[str, Rows]]


def shown(event_id: str = "e1", **values: object) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "profile_id": "a",
        "title_id": "t",
        "event_ts": NOON,
        "event_day": D1,
        "profile_bucket": 0,
        **values,
    }


def played(play_id: str = "p1", **values: object) -> dict[str, Any]:
    return {"play_id": play_id, "profile_id": "a", "title_id": "t", "start_ts": NOON, "event_day": D1, **values}


def won(play_id: str = "p1", event_id: str | None = "e1", after: timedelta = timedelta(0)) -> dict[str, Any]:
    event_ts = NOON if event_id else None
    row = {"play_id": play_id, "profile_id": "a", "title_id": "t", "start_ts": NOON + after, "play_day": D1}
    return {**row, "event_id": event_id, "event_ts": event_ts}


def joined(event_id: str = "e1", plays: int = 0, **values: object) -> dict[str, Any]:
    return {**shown(event_id), "plays": plays, "is_mature": True, **values}


def outcome(event_id: str = "e1", **values: object) -> dict[str, Any]:
    return joined(event_id, row=1, position=2, watch_ms=0) | values


def tile_of(*outcomes: dict[str, Any]) -> dict[str, Any]:
    [tile] = impression_daily(outcomes)
    return tile | {"profile_bucket": 0}


def base_of(*outcomes: dict[str, Any]) -> dict[str, Any]:
    [base] = impression_ema(outcomes, D1)
    return base | {"profile_bucket": 0}


def days(make: Any, counts: list[int]) -> Rows:  # noqa: ANN401 - any of the makers above
    return [
        make(f"{back}-{n}", event_day=D1 - timedelta(days=back))
        for back, rows in enumerate(counts, 1)
        for n in range(rows)
    ]


@dataclass(frozen=True)
class Case:
    """Views by name as (dataset whose columns they have, rows); and how many bad rows the audit must find."""

    dataset: str
    audit: str
    views: Views
    bad_rows: int
    evidence: Evidence = field(default_factory=lambda: PLENTY)


def impressions(
    audit: str, candidate: Rows, bad: int, *, events: Rows | None = None, history: Rows | None = None
) -> Case:
    views = {"events": ("raw.impressions", events or []), "history": ("core.impressions", history or [])}
    return Case("core.impressions", audit, {**views, "candidate": ("core.impressions", candidate)}, bad)


def plays(audit: str, candidate: Rows, bad: int, *, events: Rows | None = None, history: Rows | None = None) -> Case:
    views = {"events": ("raw.plays", events or []), "history": ("core.plays", history or [])}
    return Case("core.plays", audit, {**views, "candidate": ("core.plays", candidate)}, bad)


def attributions(audit: str, candidate: Rows, bad: int, *, of: Rows | None = None, among: Rows | None = None) -> Case:
    views = {"plays": ("core.plays", of or []), "impressions": ("core.impressions", among or [])}
    return Case("core.play_attributions", audit, {**views, "candidate": ("core.play_attributions", candidate)}, bad)


def labels(audit: str, candidate: Rows, bad: int, *, of: Rows | None = None, wins: Rows | None = None) -> Case:
    views = {"impressions": ("core.impressions", of or []), "attributions": ("core.play_attributions", wins or [])}
    return Case("core.impression_plays", audit, {**views, "candidate": ("core.impression_plays", candidate)}, bad)


def tiles(audit: str, candidate: Rows, bad: int, *, of: Rows | None = None) -> Case:
    views = {"outcomes": ("core.impression_plays", of or []), "candidate": ("features.impression_daily", candidate)}
    return Case("features.impression_daily", audit, views, bad)


def bases(audit: str, candidate: Rows, bad: int, *, of: Rows | None = None) -> Case:
    views = {"tiles": ("features.impression_daily", of or []), "candidate": ("features.impression_ema", candidate)}
    return Case("features.impression_ema", audit, views, bad)


DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
CASES = [
    impressions("event_lost", [shown("e1")], 1, events=[shown("e1"), shown("e2")]),
    impressions("event_lost", [shown("e1")], 0, events=[shown("e1"), shown("e1")]),
    impressions("event_invented", [shown("e1"), shown("e2")], 1, events=[shown("e1")]),
    impressions("event_invented", [shown("e1")], 0, events=[shown("e1")]),
    impressions("id_on_two_days", [shown("e1")], 1, history=[shown("e1", event_day=D0)]),
    impressions("id_on_two_days", [shown("e1"), shown("e1", event_day=D0)], 1),
    impressions("id_on_two_days", [shown("e1")], 0, history=[shown("e2", event_day=D0)]),
    impressions("unusual_volume", [shown("e1")], 1, history=days(shown, [3, 3, 9])),
    impressions("unusual_volume", [shown(f"e{n}") for n in range(7)], 1, history=days(shown, [3, 3, 9])),
    impressions("unusual_volume", [shown(f"e{n}") for n in range(6)], 0, history=days(shown, [3, 3, 9])),
    plays("event_lost", [played("p1")], 1, events=[played("p1"), played("p2")]),
    plays("event_lost", [played("p1")], 0, events=[played("p1"), played("p1")]),
    plays("event_invented", [played("p1"), played("p2")], 1, events=[played("p1")]),
    plays("event_invented", [played("p1")], 0, events=[played("p1")]),
    plays("id_on_two_days", [played("p1")], 1, history=[played("p1", event_day=D0)]),
    plays("id_on_two_days", [played("p1")], 0, history=[played("p2", event_day=D0)]),
    plays("unusual_volume", [played("p1")], 1, history=days(played, [3, 3, 9])),
    plays("unusual_volume", [played(f"p{n}") for n in range(6)], 0, history=days(played, [3, 3, 9])),
    attributions("play_before_impression", [won(after=-TICK)], 1),
    attributions("play_before_impression", [won(), won("p2", None)], 0),
    attributions("win_outside_window", [won(after=DAY + TICK)], 1),
    attributions("win_outside_window", [won(after=-TICK)], 1),
    attributions("win_outside_window", [won(after=DAY), won("p2"), won("p3", None)], 0),
    attributions("play_lost", [won("p1")], 1, of=[played("p1"), played("p2")]),
    attributions("play_lost", [won("p1"), won("p2", None)], 0, of=[played("p1"), played("p2")]),
    attributions("play_invented", [won("p1"), won("p2", None)], 1, of=[played("p1")]),
    attributions("play_invented", [won("p1")], 0, of=[played("p1")]),
    attributions("winner_unknown", [won()], 1, among=[shown("e1", title_id="other")]),
    attributions("winner_unknown", [won()], 1, among=[shown("e2")]),
    attributions("winner_unknown", [won(), won("p2", None)], 0, among=[shown("e1")]),
    labels("impressions_kept", [joined("e1")], 1, of=[shown("e1"), shown("e2")]),
    labels("impressions_kept", [joined("e1"), joined("e2")], 1, of=[shown("e1")]),
    labels("impressions_kept", [joined("e1"), joined("e1")], 1, of=[shown("e1")]),
    labels("impressions_kept", [joined("e1"), joined("e1")], 1, of=[shown("e1"), shown("e2")]),
    labels("impressions_kept", [joined("e1", event_day=D0)], 2, of=[shown("e1")]),
    labels("impressions_kept", [], 1, of=[shown("e1")]),
    labels("impressions_kept", [joined("e1"), joined("e2")], 0, of=[shown("e2"), shown("e1")]),
    labels("impressions_kept", [], 0, of=[]),
    labels("plays_lost", [joined(plays=1)], 1, wins=[won("p1"), won("p2")]),
    labels("plays_lost", [joined(plays=3)], 1, wins=[won("p1"), won("p2")]),
    labels("plays_lost", [joined(plays=2)], 0, wins=[won("p1"), won("p2"), won("p3", None)]),
    labels("take_rate", [joined(f"e{n}", plays=1) for n in range(10)], 1),
    labels("take_rate", [joined(f"e{n}", plays=0) for n in range(10)], 1),
    labels("take_rate", [joined(f"e{n}", plays=int(n < 6)) for n in range(10)], 0),
    labels("take_rate", [joined(f"e{n}", plays=1, is_mature=False) for n in range(10)], 0),
    *(
        case
        for audit in ("totals", "pair_lost")
        for case in (
            tiles(audit, [], 1, of=[outcome("e1")]),
            tiles(audit, [tile_of(outcome("e1"))], 1),
            tiles(audit, [tile_of(outcome("e1"))], 1, of=[outcome("e1"), outcome("e2")]),
            tiles(audit, [tile_of(outcome("e1"), outcome("e2"))], 1, of=[outcome("e1"), outcome("e3")]),
            tiles(audit, [tile_of(outcome("e1"), outcome("e2"))], 0, of=[outcome("e2"), outcome("e1")]),
        )
    ),
    tiles("totals", [tile_of(outcome("e1", plays=2))], 1, of=[outcome("e1", plays=1)]),
    tiles("totals", [tile_of(outcome("e1", watch_ms=2))], 1, of=[outcome("e1", watch_ms=1)]),
    tiles("totals", [tile_of(outcome("e1")) | {"last_seen_ts": NOON + TICK}], 1, of=[outcome("e1")]),
    tiles("pair_lost", [tile_of(outcome("e1", title_id="u"))], 1, of=[outcome("e1")]),
    tiles("pair_lost", [tile_of(outcome("e1", row=9)), tile_of(outcome("e2"))], 0, of=[outcome("e1"), outcome("e2")]),
    tiles("weights", [tile_of(outcome()) | {"w_1d": 1.1}], 1),
    tiles("weights", [tile_of(outcome()) | {"w_1d": 0.49}], 1),
    tiles("weights", [tile_of(outcome()) | {"w_365d": 0.998}], 1),
    tiles("weights", [tile_of(outcome()) | {"w_30d": float("nan")}], 1),
    tiles("weights", [tile_of(outcome(event_ts=at_start)) for at_start in (NOON - DAY / 2, NOON + DAY / 2 - TICK)], 0),
    bases("totals", [base_of(outcome("e1"), outcome("e2"))], 0, of=[tile_of(outcome("e1")), tile_of(outcome("e2"))]),
    bases("totals", [base_of(outcome("e1"))], 1, of=[tile_of(outcome("e1")), tile_of(outcome("e2"))]),
    bases("totals", [base_of(outcome("e1"))], 1),
    bases("totals", [], 1, of=[tile_of(outcome("e1"))]),
    bases("totals", [base_of(outcome("e1"))], 1, of=[tile_of(outcome("e2"))]),
    bases("totals", [base_of(outcome("e1", plays=2))], 1, of=[tile_of(outcome("e1"))]),
    bases("totals", [base_of(outcome("e1", watch_ms=2))], 1, of=[tile_of(outcome("e1"))]),
    bases("totals", [base_of(outcome("e1")) | {"last_seen_ts": NOON + TICK}], 1, of=[tile_of(outcome("e1"))]),
    bases("totals", [base_of(outcome("e1", title_id="u"))], 1, of=[tile_of(outcome("e1"))]),
    bases("averages", [base_of(outcome("e1"), outcome("e2", event_ts=NOON - 300 * DAY, event_day=D1))], 0),
    bases("averages", [base_of(outcome(event_ts=NOON + DAY / 2 - TICK))], 0),
    bases("averages", [base_of(outcome()) | {"ema_1d": 0.8}], 1),
    bases("averages", [base_of(outcome()) | {"ema_7d": 0.9}], 1),
    bases("averages", [base_of(outcome()) | {"ema_365d": float("nan")}], 1),
    bases("averages", [base_of(outcome()) | {"last_seen_ts": NOON + DAY}], 1),
    bases("averages", [base_of(outcome()) | {"last_seen_ts": NOON - 365 * DAY}], 1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.dataset}-{c.audit}-{c.bad_rows}")
def test_an_audit_finds_the_bad_rows_and_no_others(spark: "SparkSession", case: Case) -> None:
    audits = [audit for audit in load_audits(REGISTRY.get(case.dataset)) if audit.name == case.audit]
    register({name: frame(spark, dataset, rows) for name, (dataset, rows) in case.views.items()})
    [verdict] = run_audits(spark, audits, ARGUMENTS, case.evidence)
    assert verdict.bad_rows == case.bad_rows
    assert verdict.verdict == ("fail" if case.bad_rows else "pass")
    assert bool(verdict.sample) == bool(case.bad_rows)


def test_every_shipped_audit_has_a_case_that_fails_and_one_that_passes() -> None:
    shipped = {(c.dataset, audit.name) for c in REGISTRY.all() if c.transform for audit in load_audits(c)}
    assert {(case.dataset, case.audit) for case in CASES if case.bad_rows} == shipped
    assert {(case.dataset, case.audit) for case in CASES if not case.bad_rows} == shipped


@pytest.mark.parametrize("evidence", [Evidence(rows=999, history_days=28), Evidence(rows=10_000, history_days=6)])
@pytest.mark.parametrize(
    ("dataset", "name"),
    [("core.impressions", "unusual_volume"), ("core.plays", "unusual_volume"), ("core.impression_plays", "take_rate")],
)
def test_an_audit_that_has_too_little_to_judge_by_says_so(
    spark: "SparkSession", dataset: str, name: str, evidence: Evidence
) -> None:
    audits = [audit for audit in load_audits(REGISTRY.get(dataset)) if audit.name == name]
    [verdict] = run_audits(spark, audits, ARGUMENTS, evidence)
    assert (verdict.severity, verdict.verdict) == ("warning", "insufficient")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SELECT 1", 1),
        ("-- severity: loud\n-- why: because\nSELECT 1", 1),
        ("-- severity: blocking\nSELECT 1", 1),
        ("-- severity: blocking\n-- why: because\n-- min_rows: many\nSELECT 1", 3),
        ("-- severity: blocking\n-- why: because\n-- colour: red\nSELECT 1", 3),
    ],
)
def test_an_audit_with_a_bad_header_is_refused_with_its_line(tmp_path: "Path", text: str, line: int) -> None:
    path = tmp_path / "bad.sql"
    path.write_text(text)
    with pytest.raises(ContractError, match=f"bad.sql:{line}:"):
        parse_audit(path)
