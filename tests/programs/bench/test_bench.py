"""The parts of the benchmark that measure nothing: sizes, the hot pair, medians, ratios and comparisons."""

from pathlib import Path

import numpy as np
import pytest
from tests.bench.events import HOT_TITLE, SKEWS, cells, pair_counts, profile_buckets, simulate_day
from tests.bench.healing import heal_ratios
from tests.bench.inputs import CHAIN
from tests.bench.late import BUCKETS, LATE_SHARE, late_events, with_buckets
from tests.bench.ratios import Ratio, control_seconds, join_ratios, marginal_ratio
from tests.bench.sizes import parse_size, size_name
from tests.bench.timings import Outcome, Timing, median_steps, outcome
from tests.bench.verification import disagreements

from matinee.contracts.registry import Registry

FOUR, SIXTEEN = {"partitions": "4"}, {"partitions": "16"}


def ended(name: str, seconds: float | None, steps: dict[str, float] | None = None) -> Outcome:
    return Outcome(name, "transform", "spark", False, {}, 3, seconds, 0, steps or {})


def ratios(*outcomes: Outcome, uniform: dict[str, float] | None = None) -> dict[str, Ratio]:
    joined = join_ratios({measured.name: measured for measured in outcomes}, 600, uniform)
    return {ratio.name: ratio for ratio in joined}


def run(number: int, options: dict[str, str], seconds: float | None, peak: int = 1) -> Timing:
    return Timing("spark-range-join", number, options, seconds, {"write": seconds or 0.0}, peak)


@pytest.mark.parametrize(
    ("text", "rows"), [("10M", 10_000_000), ("100k", 100_000), ("1234", 1234), (" 3M ", 3_000_000)]
)
def test_a_size_is_read_as_people_write_it(text: str, rows: int) -> None:
    assert parse_size(text) == rows
    assert parse_size(size_name(rows)) == rows


@pytest.mark.parametrize("text", ["", "M", "0", "-1", "1.5M", "10G", "ten"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of rows"):
        parse_size(text)


def test_the_hot_pair_shrinks_with_the_day() -> None:
    assert pair_counts(10_000_000) == (36_000, 3_000)
    assert pair_counts(1_000_000) == (3_600, 300)


def test_a_hot_day_has_its_pair_and_no_event_more() -> None:
    day = simulate_day(20_000, "hot")
    counts = []
    for frame in (day.impressions, day.plays):
        title = frame["title_id"]
        mine = title.values == list(title.words).index(HOT_TITLE)
        counts.append(int(mine.sum()))
        assert len(set(frame["profile_id"].values[mine])) == 1
    assert tuple(counts) == pair_counts(20_000)
    shared = (day.impressions["profile_id"].values == 0).mean()
    assert shared == pytest.approx(0.1, abs=0.03)


def test_no_two_impressions_of_a_profile_and_title_have_the_same_time() -> None:
    day = simulate_day(20_000, "hot")
    tables = list(cells(day.impressions, "event_ts", "event_id", 8))
    assert sum(map(len, tables)) == len(day.impressions["event_ts"].values)
    for number, table in enumerate(tables):
        rows = list(zip(*(table[name].to_pylist() for name in ("profile_id", "title_id", "event_ts")), strict=True))
        assert rows == sorted(set(rows))
        assert set(np.unique(table["profile_bucket"])) <= {number}


def test_the_best_setting_of_the_first_round_is_the_one_that_counts() -> None:
    from tests.bench.contenders import CONTENDERS

    timings = [run(1, FOUR, 9.0, 50), run(1, SIXTEEN, 5.0), run(2, SIXTEEN, 7.0, 3), run(3, SIXTEEN, 6.0)]
    best = outcome(CONTENDERS["spark-range-join"], timings)
    assert (best.options, best.rounds, best.seconds, best.peak_bytes) == (SIXTEEN, 3, 6.0, 3)
    assert best.steps == {"write": 6.0}


def test_a_contender_that_never_ended_has_no_seconds() -> None:
    from tests.bench.contenders import CONTENDERS

    assert outcome(CONTENDERS["spark-range-join"], [run(1, FOUR, None), run(1, SIXTEEN, None)]).seconds is None


def test_a_step_that_a_run_lacks_does_not_count_as_nothing() -> None:
    assert median_steps([{"a": 1.0, "b": 4.0}, {"a": 3.0}, {"a": 2.0}]) == {"a": 2.0, "b": 4.0}


def test_ratios_take_the_better_peer_and_leave_out_what_did_not_run() -> None:
    by_name = ratios(
        ended("ours-sail", 2.0), ended("duckdb-asof", 5.0), ended("polars-asof", 4.0), ended("ours-spark", 9.0)
    )
    assert {name: ratio.value for name, ratio in by_name.items()} == {
        "ours-sail / the better of duckdb-asof and polars-asof": 0.5
    }
    assert ratios(ended("ours-sail", 2.0), ended("duckdb-asof", 5.0)) == {}
    assert ratios(ended("ours-spark", None), ended("spark-range-join", 5.0)) == {}


def test_over_a_contender_that_did_not_end_a_ratio_is_a_bound() -> None:
    [ratio] = ratios(ended("ours-spark", 60.0), ended("spark-range-join", None)).values()
    assert (ratio.value, ratio.bound, ratio.met) == (0.1, True, True)


def test_hot_is_compared_with_an_earlier_uniform_call_only() -> None:
    assert ratios(ended("ours-spark", 8.0)) == {}
    [ratio] = ratios(ended("ours-spark", 8.0), uniform={"ours-spark": 5.0}).values()
    assert (ratio.value, ratio.met) == (1.6, False)


def test_the_share_of_control_counts_audits_ledger_and_publishing() -> None:
    steps = {"core.a plan": 1.0, "core.a write": 7.0, "core.a audit": 1.0, "core.b ledger": 0.5, "core.b publish": 0.5}
    assert control_seconds(steps) == 2.0
    [ratio] = ratios(ended("ours-sail-cycle", 10.0, steps)).values()
    assert ratio.value == 0.2


def test_the_marginal_cost_is_of_the_three_greatest_sizes() -> None:
    assert marginal_ratio({1: 1.0, 3: 4.0, 10: 11.0, 30: 51.0}) == pytest.approx(2.0)
    assert marginal_ratio({1: 5.0, 2: 4.0, 3: 5.0}) is None
    with pytest.raises(ValueError, match="three sizes"):
        marginal_ratio({1: 1.0, 3: 4.0})


def test_who_differs_from_most_is_named_with_the_column() -> None:
    same = {"rows": "5", "watch_ms": "BIGINT 7"}
    other = same | {"watch_ms": "INTEGER 7"}
    assert disagreements({"a": same, "b": same, "c": other}) == {"c": ["watch_ms"]}
    assert disagreements({"a": same, "b": same}) == {}


def test_contracts_with_another_number_of_buckets_are_contracts(tmp_path: Path) -> None:
    with_buckets(tmp_path / "sql", 64)
    bucketed = [
        contract for contract in Registry.load(tmp_path / "sql").all() if contract.cells.column and not contract.is_live
    ]
    assert {contract.dataset for contract in bucketed} >= set(CHAIN)
    assert {
        column.maximum for contract in bucketed for column in contract.columns if column.name == contract.cells.column
    } == {63}


def test_late_events_are_a_share_of_those_of_one_bucket_on_both_sides() -> None:
    day = simulate_day(20_000, "uniform")
    buckets = set()
    for frame in (day.impressions, day.plays):
        late = late_events(frame)
        profile = frame["profile_id"]
        bucket = profile_buckets(profile.words, BUCKETS)[profile.values]
        buckets |= set(bucket[late])
        assert late.sum() == max(1, round(LATE_SHARE * (bucket == bucket[late][0]).sum()))
    assert len(buckets) == 1


def test_a_figure_without_a_target_is_only_reported() -> None:
    assert Ratio("hot", "rows", 0.9, None).met


def test_a_heal_is_compared_with_the_full_recompute_of_its_engine() -> None:
    counts = {"core.a rewritten": 2, "core.a rows": 100, "core.b rewritten": 3, "core.b rows": 100}
    timings = [Timing("heal-sail", 1, {}, 2.0, {}, 1, counts=counts), Timing("full-sail", 1, {}, 10.0, {}, 1)]
    outcomes = [ended("heal-sail", 2.0), ended("full-sail", 10.0)]
    uniform, hot = (heal_ratios(skew, outcomes, timings) for skew in SKEWS)
    assert [(ratio.value, ratio.target) for ratio in uniform] == [(0.025, 0.03), (0.2, 0.25)]
    assert [(ratio.value, ratio.target) for ratio in hot] == [(0.025, None), (0.2, None)]
