"""An incident opens, changes, is repeated and resolved as its cause comes, grows, stays and goes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, alarm, day

from matinee.alerts.folding import Cause, fold
from matinee.alerts.incidents import NAMED, QUIET, REOPENED_WITHIN, Hush, Incident, step
from matinee.alerts.model import Identity

HOUR = timedelta(hours=1)
SHOWN = fold([alarm(CATALOG)], [])
SPARK = Identity("unavailable", "spark")


class Life:
    """The incidents of a journal, look by look, a minute each unless told."""

    def __init__(self) -> None:
        self.at, self.incidents = T0 - MINUTE, dict[str, Incident]()

    def look(
        self,
        causes: Sequence[Cause] = (),
        pause: timedelta = MINUTE,
        blind: Sequence[str] = (),
        hush: Hush = lambda _: None,
    ) -> list[str]:
        """Look once; return what is told."""
        self.at += pause
        changes = step(list(self.incidents.values()), causes, self.at, (), hush, blind)
        self.incidents |= {change.incident.incident_id: change.incident for change in changes}
        return [f"{change.event.value} {change.incident.identity.subject}" for change in changes if change.event]

    @property
    def only(self) -> Incident:
        [incident] = self.incidents.values()
        return incident

    def put(self, **values: object) -> None:
        changed = replace(self.only, **values)  # type: ignore[arg-type]
        self.incidents[changed.incident_id] = changed


@pytest.fixture
def life() -> Life:
    return Life()


def test_a_cause_opens_an_incident_and_tells_once(life: Life) -> None:
    assert [life.look(SHOWN), life.look(SHOWN), life.look(SHOWN)] == [["opened catalog"], [], []]
    assert (life.only.state, life.only.sequence, life.only.opened_at) == ("open", 1, T0)


def test_a_look_that_changes_nothing_writes_nothing(life: Life) -> None:
    life.look(SHOWN)
    assert step([life.only], SHOWN, life.at + MINUTE) == []


def test_an_incident_is_resolved_once_its_cause_is_gone_for_long(life: Life) -> None:
    life.look(SHOWN)
    assert [life.look(), life.look(pause=QUIET - MINUTE), life.look()] == [[], [], ["resolved catalog"]]
    assert (life.only.state, life.only.ended_by, life.only.resolved_at) == ("resolved", "", life.at)


def test_a_cause_that_flaps_is_one_incident_with_a_count(life: Life) -> None:
    told = [life.look(SHOWN if number % 4 == 0 else ()) for number in range(40)]
    assert [word for words in told for word in words] == ["opened catalog"]
    assert life.only.times == 10


def test_the_patience_doubles_each_time_that_a_cause_comes_back(life: Life) -> None:
    for _ in range(3):
        life.look(SHOWN)
        life.look()
    assert life.only.patience == 4 * QUIET


def test_a_cause_that_comes_back_soon_is_the_same_incident(life: Life) -> None:
    life.look(SHOWN)
    life.look()
    life.look(pause=QUIET)
    assert life.look(SHOWN, pause=HOUR) == ["changed catalog"]
    assert (life.only.state, life.only.times, life.only.resolved_at) == ("open", 2, None)


def test_a_cause_that_comes_back_late_is_another_incident(life: Life) -> None:
    life.look(SHOWN)
    life.look()
    life.look(pause=QUIET)
    assert life.look(SHOWN, pause=REOPENED_WITHIN + MINUTE) == ["opened catalog"]
    assert len(life.incidents) == 2


def test_a_second_cause_while_the_first_is_acknowledged_is_told(life: Life) -> None:
    life.look(SHOWN)
    life.put(state="acknowledged")
    assert life.look([*SHOWN, *fold([alarm(SPARK)], [])]) == ["opened spark"]


def test_a_page_that_nobody_acknowledges_is_repeated(life: Life) -> None:
    assert life.look(SHOWN) == ["opened catalog"]
    assert [life.look(SHOWN, pause=HOUR), life.look(SHOWN), life.look(SHOWN, pause=HOUR)] == [
        ["repeated catalog"], [], ["repeated catalog"]
    ]  # fmt: skip


def test_an_acknowledged_page_is_not_repeated(life: Life) -> None:
    life.look(SHOWN)
    life.put(state="acknowledged")
    assert life.look(SHOWN, pause=5 * HOUR) == []


def test_a_warning_is_not_repeated(life: Life) -> None:
    warning = fold([alarm(CATALOG, severity="warning")], [])
    life.look(warning)
    assert life.look(warning, pause=5 * HOUR) == []


def test_a_page_whose_cause_is_gone_is_not_repeated(life: Life) -> None:
    life.look(SHOWN)
    life.look()
    life.put(times=5)
    assert life.look(pause=HOUR) == []


def test_a_higher_severity_and_more_days_are_told(life: Life) -> None:
    life.look(fold([alarm(day(1), severity="warning")], []))
    assert life.look(fold([alarm(day(1))], [])) == ["changed core.plays"]
    assert life.look(fold([alarm(day(1)), alarm(day(2))], [])) == ["changed core.plays"]
    assert str(life.only.identity) == "core.plays unpublished, 2026-03-01 to 2026-03-02"


def test_witnesses_are_told_again_when_they_have_doubled(life: Life) -> None:
    red = [alarm(Identity("failed", f"task {number}"), CATALOG) for number in range(8)]
    told = [life.look(fold(red[:count], [])) for count in (2, 3, 4, 6, 8)]
    assert told == [["opened catalog"], [], ["changed catalog"], [], ["changed catalog"]]


def test_so_many_witnesses_are_named_at_most(life: Life) -> None:
    life.look(fold([alarm(Identity("failed", f"{number:05}"), CATALOG) for number in range(NAMED + 5)], []))
    assert len(life.only.witnesses) == NAMED


def test_what_a_blind_look_does_not_see_is_not_gone(life: Life) -> None:
    life.look(SHOWN)
    for _ in range(3):
        life.look(pause=HOUR, blind=["failure"])
    assert (life.only.state, life.only.gone_since) == ("open", None)


def test_nobody_is_told_within_a_window_and_the_incident_is_there(life: Life) -> None:
    assert life.look(SHOWN, hush=lambda _: "upgrade") == []
    assert (life.only.state, life.only.told_at) == ("open", None)


def test_an_incident_that_outlives_its_window_is_told(life: Life) -> None:
    life.look(SHOWN, hush=lambda _: "upgrade")
    assert life.look(SHOWN) == ["opened catalog"]


def test_an_incident_that_came_and_went_within_a_window_is_never_told(life: Life) -> None:
    life.look(SHOWN, hush=lambda _: "upgrade")
    life.look(hush=lambda _: "upgrade")
    assert [life.look(pause=QUIET, hush=lambda _: "upgrade"), life.look()] == [[], []]
    assert life.only.state == "resolved"


def test_a_window_holds_back_changes_and_repeats_but_no_end(life: Life) -> None:
    life.look(SHOWN)
    assert life.look(SHOWN, pause=5 * HOUR, hush=lambda _: "upgrade") == []
    life.look(hush=lambda _: "upgrade")
    assert life.look(pause=QUIET, hush=lambda _: "upgrade") == ["resolved catalog"]


def test_what_a_person_resolved_stays_resolved_while_nothing_new_shows_it(life: Life) -> None:
    life.look(SHOWN)
    life.put(state="resolved", ended_by="ana", resolved_at=life.at)
    assert [life.look(SHOWN), life.look(SHOWN, pause=30 * HOUR)] == [[], []]
    assert len(life.incidents) == 1


def test_a_new_witness_after_a_person_resolved_it_opens_another_incident(life: Life) -> None:
    life.look(SHOWN)
    life.put(state="resolved", ended_by="ana", resolved_at=life.at)
    assert life.look(fold([alarm(CATALOG), alarm(Identity("failed", "x"), CATALOG)], [])) == ["opened catalog"]


def test_a_cause_that_went_and_came_after_a_person_resolved_it_is_told(life: Life) -> None:
    life.look(SHOWN)
    life.put(state="resolved", ended_by="ana", resolved_at=life.at)
    life.look()
    assert life.look(SHOWN) == ["opened catalog"]


def test_causes_that_grow_together_go_on_as_the_older_incident(life: Life) -> None:
    life.look(fold([alarm(day(1)), alarm(day(3))], []))
    first = min(life.incidents.values(), key=lambda incident: incident.incident_id)
    life.look(fold([alarm(day(1)), alarm(day(2)), alarm(day(3))], []))
    assert len(life.incidents) == 2
    assert len(life.incidents[first.incident_id].witnesses) == 3


def test_changes_are_in_the_order_of_their_incidents(life: Life) -> None:
    causes = fold([alarm(SPARK), alarm(CATALOG), alarm(day(1))], [])
    told = [change.incident.incident_id for change in step([], causes, T0)]
    assert told == sorted(told)


def test_a_rule_without_a_route_takes_the_default(life: Life) -> None:
    from tests.support.alerts import BOARD, rule

    from matinee.alerts.judging import Alarm

    plain = Alarm(alarm(CATALOG).signal, rule(route=None), T0)
    [change] = step([], fold([plain], []), T0, (BOARD,))
    assert change.incident.routes == (BOARD,)


def test_a_change_that_a_window_held_back_is_told_after_the_window(life: Life) -> None:
    life.look(fold([alarm(day(1), severity="warning")], []))
    page = fold([alarm(day(1))], [])
    assert [life.look(page, hush=lambda _: "upgrade"), life.look(page, hush=lambda _: "upgrade")] == [[], []]
    assert [life.look(page), life.look(page)] == [["changed core.plays"], []]
    assert life.only.sequence == 2


def test_the_end_of_an_incident_is_told_whose_change_was_held_back(life: Life) -> None:
    life.look(fold([alarm(day(1), severity="warning")], []))
    life.look(fold([alarm(day(1))], []), hush=lambda _: "upgrade")
    life.look(hush=lambda _: "upgrade")
    assert life.look(pause=QUIET, hush=lambda _: "upgrade") == ["resolved core.plays"]
    assert life.look() == []
