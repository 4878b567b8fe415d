"""An alarm is a witness of each cause that its edges prove, and of no other."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from tests.support.alerts import CATALOG, T0, alarm, day, rule, signal

from matinee.alerts.folding import Cause, fold, roots
from matinee.alerts.judging import Alarm
from matinee.alerts.model import Identity

NODES = [Identity("x", name) for name in "abcdef"]


def told(causes: list[Cause]) -> dict[str, int]:
    return {str(cause.root): len(cause.witnesses) for cause in causes}


def test_an_alarm_without_edges_is_its_own_cause() -> None:
    assert told(fold([alarm(day(1))], [])) == {"core.plays unpublished, 2026-03-01": 1}


def test_a_hundred_red_tasks_of_one_dead_catalog_are_one_cause() -> None:
    failures = [alarm(Identity("failed", f"task {number}"), CATALOG) for number in range(100)]
    [cause] = fold([alarm(CATALOG), *failures], [])
    assert (cause.root, len(cause.witnesses), cause.told.says) == (CATALOG, 101, "says catalog unavailable")


def test_the_runbook_is_about_the_cause_not_about_red_tasks() -> None:
    rules = [rule("failure", runbook="runs.md#Task failed"), rule("source", runbook="machine.md#Cannot look")]
    failure = Alarm(signal(Identity("failed", "task"), CATALOG), rules[0], T0)
    [cause] = fold([failure], [signal(CATALOG, kind="source"), failure.signal], rules)
    assert cause.runbook == "machine.md#Cannot look"
    [cause] = fold([failure], [failure.signal], rules)
    assert cause.runbook == "runs.md#Task failed"


def test_red_tasks_without_a_common_cause_are_causes_of_their_own() -> None:
    assert len(fold([alarm(Identity("failed", f"task {number}")) for number in range(3)], [])) == 3


def test_a_day_that_two_inputs_hold_is_a_witness_of_two_causes() -> None:
    held = alarm(day(1, "core.joined"), day(1, "raw.plays"), day(1, "raw.impressions"))
    causes = fold([held], [])
    assert [cause.root.subject for cause in causes] == ["raw.impressions", "raw.plays"]
    assert all(cause.witnesses == (held.signal.witness,) for cause in causes)


def test_edges_are_followed_over_signals_that_are_no_alarms() -> None:
    quiet = signal(day(1, "core.plays"), day(1, "raw.plays"))
    assert told(fold([alarm(day(1, "core.joined"), day(1, "core.plays"))], [quiet])) == {
        "raw.plays unpublished, 2026-03-01": 1
    }


def test_days_that_follow_each_other_are_one_cause_and_others_are_not() -> None:
    assert told(fold([alarm(day(1)), alarm(day(2)), alarm(day(5))], [])) == {
        "core.plays unpublished, 2026-03-01 to 2026-03-02": 2,
        "core.plays unpublished, 2026-03-05": 1,
    }


def test_a_cause_says_what_its_root_says_alarming_or_not() -> None:
    root = signal(day(1, "raw.plays"), witness="the root")
    [cause] = fold([alarm(day(1), day(1, "raw.plays"))], [root])
    assert cause.told is root


def test_a_circle_of_proofs_is_one_cause() -> None:
    first, second = alarm(day(1, "a"), day(1, "b")), alarm(day(1, "b"), day(1, "a"))
    [cause] = fold([first, second], [])
    assert (cause.root.subject, len(cause.witnesses)) == ("a", 2)


def test_a_cause_is_as_urgent_as_its_most_urgent_alarm() -> None:
    page = Alarm(signal(day(1), CATALOG), rule(severity="page", runbook="b.md#B"), T0)
    warning = Alarm(signal(day(2), CATALOG), rule(severity="warning", runbook="a.md#A"), T0)
    [cause] = fold([warning, page], [])
    assert (cause.severity, cause.runbook) == ("page", "b.md#B")


def test_the_order_of_alarms_changes_nothing() -> None:
    alarms = [alarm(day(1), CATALOG), alarm(day(2)), alarm(CATALOG)]
    assert fold(alarms, []) == fold(alarms[::-1], [])


def reachable(graph: Mapping[Identity, set[Identity]], start: Identity) -> set[Identity]:
    """By brute force: add what is named until nothing is added."""
    seen, size = {start}, 0
    while len(seen) != size:
        size = len(seen)
        seen |= {target for node in seen for target in graph.get(node, ())}
    return seen


graphs = st.dictionaries(st.sampled_from(NODES), st.sets(st.sampled_from(NODES), max_size=4))


@given(graphs, st.sampled_from(NODES))
def test_roots_are_what_a_brute_force_search_reaches(graph: dict[Identity, set[Identity]], start: Identity) -> None:
    reached = {node: reachable(graph, node) for node in NODES}
    ends = [node for node in reached[start] if all(node in reached[other] for other in reached[node])]
    assert roots(graph, start) == {min(reached[node], key=lambda each: each.order) for node in ends}


@given(graphs)
def test_each_alarm_is_a_witness_of_exactly_its_roots(graph: dict[Identity, set[Identity]]) -> None:
    alarms = [alarm(node, *sorted(graph.get(node, ()), key=lambda each: each.order)) for node in NODES]
    causes = {cause.root: cause.witnesses for cause in fold(alarms, [])}
    for node in NODES:
        assert {root for root, witnesses in causes.items() if str(node) in witnesses} == roots(graph, node)
