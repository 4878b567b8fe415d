"""The key, the attempt and the report's name, as a task derives them from its run."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from matinee.errors import UsageError
from matinee_airflow.keys import attempt_of, key_of, publication_of, report_of


@dataclass
class Run:
    partition_key: str | None = None
    conf: dict[str, object] | None = None
    run_id: str = "manual__1"


@dataclass
class Operator:
    retries: int | None = 3


@dataclass
class TI:
    run_id: str = "manual__1"
    max_tries: int = 3
    try_number: int = 1
    dag_id: str = "plays_daily"
    task_id: str = "plays.write"
    map_index: int | None = -1
    task: Any = field(default_factory=Operator)
    reports: dict[str, dict[str, object]] = field(default_factory=dict)

    def xcom_pull(self, *, task_ids: str) -> dict[str, object] | None:
        return self.reports.get(task_ids)


def test_the_partition_key_is_the_key() -> None:
    assert key_of(Run("2026-03-01", {"partition_key": "2026-03-02"})) == "2026-03-01"


def test_a_run_without_partition_key_takes_it_from_its_conf() -> None:
    assert key_of(Run(conf={"partition_key": "2026-03-02"})) == "2026-03-02"


@pytest.mark.parametrize("conf", [None, {}, {"partition_key": None}])
def test_a_run_without_any_key_says_how_to_give_one(conf: dict[str, object] | None) -> None:
    with pytest.raises(UsageError, match=r"manual__1 has no key.*partition_key"):
        key_of(Run(conf=conf))


@pytest.mark.parametrize("key", ["2026-3-1", "yesterday", "2026-02-30"])
def test_a_key_that_is_no_day_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="not an event day"):
        key_of(Run(key))


def test_retries_and_the_tasks_of_a_run_share_the_attempt() -> None:
    assert attempt_of(TI(try_number=1)) == attempt_of(TI(try_number=3, task_id="plays.publish"))


def test_a_cleared_task_has_another_attempt() -> None:
    # After two tries a clear sets max_tries to 2 + retries.
    assert attempt_of(TI(max_tries=3)) != attempt_of(TI(max_tries=5))


def test_another_run_has_another_attempt() -> None:
    assert attempt_of(TI(run_id="a")) != attempt_of(TI(run_id="b"))


def test_an_attempt_can_be_part_of_a_branch_name() -> None:
    assert attempt_of(TI(run_id="scheduled__2026-03-02T00:00:00+00:00__x")).isalnum()


def test_each_try_and_each_mapped_task_has_a_report_of_its_own() -> None:
    names = {report_of(TI()), report_of(TI(try_number=2)), report_of(TI(map_index=0)), report_of(TI(map_index=1))}
    assert len(names) == 4
    assert all("/" not in name for name in names)


def test_audit_and_publish_take_the_publication_that_write_reported() -> None:
    ti = TI(reports={"plays.write": {"publication_id": "core_plays_1"}})
    assert publication_of(ti, "plays.write") == "core_plays_1"


def test_a_write_that_was_marked_as_success_is_named() -> None:
    with pytest.raises(UsageError, match=r"plays\.write has left no report.*marked as success.*Clear plays\.write"):
        publication_of(TI(), "plays.write")
