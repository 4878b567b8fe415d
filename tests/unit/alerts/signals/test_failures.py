"""What a failed task shows, and what its error proves."""

from dataclasses import replace
from datetime import date, timedelta

from tests.support.alerts import CATALOG, T0, rule

from matinee.alerts.folding import fold
from matinee.alerts.judging import alarms
from matinee.alerts.linking import Backfill
from matinee.alerts.model import Identity, Sighting, Signal
from matinee.alerts.signals.failures import Failed, Succeeded, Why, signal_of, standing
from matinee.readout.explain import Readout

TASK = Failed("plays_daily", "r1", "derive", -1, 2, T0, "2026-03-01")
UNKNOWN = Why(Readout("unknown", "nobody knows", (), "read the log", retryable=False))
DOWN = Why.of(
    b"ERROR - sqlite3.OperationalError: unable to open\nmatinee.errors.CatalogUnavailableError: no Next: look\n"
)
BACKFILL = Backfill(7, "plays_daily", date(2026, 3, 1), date(2026, 3, 9))


def seen(task: Failed = TASK, why: Why = UNKNOWN, *backfills: Backfill) -> Signal:
    return signal_of(task, why, (), backfills, "http://airflow/")


def roots(*signals: Signal) -> list[tuple[str, int]]:
    """The causes of signals, each with its number of witnesses."""
    told = alarms([rule()], [Sighting(signal, T0) for signal in signals], T0)
    return [(str(cause.root), len(cause.witnesses)) for cause in fold(told, signals)]


def test_a_failure_is_its_own_cause_where_nothing_else_is_proven() -> None:
    assert roots(seen()) == [("plays_daily.derive failed, 2026-03-01", 1)]


def test_a_failure_names_its_page_in_airflow() -> None:
    assert seen(replace(TASK, run="a b")).link == "http://airflow/dags/plays_daily/runs/a%20b/tasks/derive"


def test_a_hundred_failures_of_one_catalog_are_one_cause() -> None:
    tasks = [replace(TASK, dag=f"d{number}", task=f"t{number}") for number in range(100)]
    assert roots(*(seen(task, DOWN) for task in tasks)) == [(str(CATALOG), 100)]


def test_a_failure_of_another_cause_stays_another_incident() -> None:
    assert roots(seen(why=DOWN), seen(replace(TASK, dag="other"))) == [
        ("other.derive failed, 2026-03-01", 1),
        ("catalog unavailable", 1),
    ]


def test_failures_of_one_error_are_one_cause() -> None:
    why = Why.of(b"matinee.errors.UnreadableError: /landing is not there. Next: make it\n")
    tasks = [replace(TASK, task=name) for name in ("impressions", "plays")]
    assert roots(*(seen(task, why) for task in tasks)) == [("UnreadableError: /landing is not there. raised", 2)]


def test_an_error_that_names_no_day_is_that_of_other_days_too() -> None:
    why = Why.of(b"matinee.errors.ContractError: plays.yaml:3: no such column. Next: correct it\n")
    assert roots(seen(why=why), seen(replace(TASK, run="r2", key="2026-03-09"), why)) == [
        ("ContractError: plays.yaml:3: no such column. raised", 2)
    ]


def test_an_error_about_the_day_of_its_run_is_a_cause_for_each_day() -> None:
    says = "matinee.errors.NotCompleteError: core.plays {} is short. Next: wait\n"
    days = ("2026-03-01", "2026-03-09")
    whys = [seen(replace(TASK, run=day, key=day), Why.of(says.format(day).encode())) for day in days]
    assert [cause for cause, _ in roots(*whys)] == [
        f"NotCompleteError: core.plays DAY is short. raised, {day}" for day in days
    ]


def test_an_error_that_counts_other_files_is_the_same_error() -> None:
    says = (
        "matinee.errors.LandingRefusedError: 1 of {} files were refused: /in/plays_2.gz is damaged (Error -3). Next: x"
    )
    whys = [Why.of(says.format(files).encode()) for files in (5, 6)]
    assert len(roots(*(seen(replace(TASK, run=f"r{number}"), why) for number, why in enumerate(whys)))) == 1


def test_an_error_about_another_file_is_another_cause() -> None:
    whys = [Why.of(f"matinee.errors.UnreadableError: {file} is cut off. Next: x".encode()) for file in ("a1", "a2")]
    assert len(roots(*(seen(replace(TASK, run=f"r{number}"), why) for number, why in enumerate(whys)))) == 2


def test_failures_of_one_backfill_are_one_cause() -> None:
    tasks = [replace(TASK, run=f"r{day}", key=f"2026-03-0{day}", is_backfill=True) for day in (1, 4, 9)]
    assert roots(*(seen(task, UNKNOWN, BACKFILL) for task in tasks)) == [("backfill 7 of plays_daily failed", 3)]


def test_a_daily_run_beside_a_backfill_is_not_part_of_it() -> None:
    assert roots(seen(TASK, UNKNOWN, BACKFILL)) == [("plays_daily.derive failed, 2026-03-01", 1)]


def test_a_healer_that_calls_a_person_follows_from_the_days_that_it_names() -> None:
    why = Why.of(b"HumanNeededError: 1 days need a person. core.plays 2026-03-01: x: y Next: look")
    assert [edge.to for edge in seen(why=why).edges] == [
        Identity.of_day("needs_a_person", "core.plays", date(2026, 3, 1))
    ]


def test_a_later_success_of_the_same_key_answers_a_failure() -> None:
    later = T0 + timedelta(hours=1)
    assert standing([TASK], [Succeeded("plays_daily", "2026-03-01", later)]) == []


def test_a_success_of_another_key_or_an_earlier_one_answers_nothing() -> None:
    runs = [
        Succeeded("plays_daily", "2026-03-02", T0 + timedelta(1)),
        Succeeded("plays_daily", "2026-03-01", T0 - timedelta(1)),
    ]
    assert standing([TASK], runs) == [TASK]
