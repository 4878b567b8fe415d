"""A restated, thinned or failing day invalidates the days built on it, until all of them are healed."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, NOON, at, land, land_days, raw_impression, raw_play

from matinee.errors import InputsNotValidError
from matinee.ledger.ledger import history
from matinee.ledger.model import Publication, State
from matinee.ledger.withdrawal import withdraw
from matinee.publication.reaudit import audit_published
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit as audit_branch
from matinee.publication.steps import publish, run, write
from matinee.settings import Settings, load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

IMPRESSIONS, PLAYS = "core.impressions", "core.plays"
ATTRIBUTIONS, JOINED = "core.play_attributions", "core.impression_plays"
CHAIN = (IMPRESSIONS, PLAYS, ATTRIBUTIONS, JOINED)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake of its own with two published days; no JVM."""
    settings = load_settings(home=tmp_path / "home", catalog="embedded", engine="sail", spark_remote=None)
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    other = [raw_play(D1, "b1", profile_id="b", title_id="tb")]
    land(lake, "raw.plays", other, seq=2, close=False)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    return settings


def newest(settings: Settings, dataset: str, day: date = D1) -> Publication:
    publication = history(Lake.open(settings), dataset).newest(day)
    assert publication is not None
    return publication


def is_valid(settings: Settings, dataset: str, day: date = D1) -> bool:
    return Validity(Lake.open(settings)).status(dataset, day).valid


def why(settings: Settings, dataset: str, day: date = D1) -> Reason:
    reason = Validity(Lake.open(settings)).status(dataset, day).reason
    assert reason is not None
    return reason


def heal(settings: Settings, dataset: str, day: date = D1) -> None:
    run(settings, RunRequest(dataset, day, day, heal=True))


def rows(settings: Settings) -> dict[str, list[str]]:
    lake = Lake.open(settings)
    return {name: sorted(map(str, lake.table(name).scan().to_arrow().to_pylist())) for name in CHAIN}


def strict(settings: Settings, folder: Path) -> Settings:
    """The same lake with an audit that every play fails."""
    sql = folder / "sql"
    shutil.copytree(settings.sql_dir, sql)
    never = "-- severity: blocking\n-- why: nothing passes\nSELECT play_id FROM candidate"
    (sql / "core" / "plays" / "audits").mkdir()
    (sql / "core" / "plays" / "audits" / "never.sql").write_text(never)
    return settings.model_copy(update={"sql_dir": sql})


def test_a_day_is_valid_again_only_once_every_table_of_the_heal_is_in(settings: Settings) -> None:
    assert all(is_valid(settings, dataset, day) for dataset in CHAIN for day in (D1, D2))
    late = raw_impression(D1, "late", title_id="t1", event_ts=at(D1, NOON + MINUTE / 2))
    land(Lake.open(settings), "raw.impressions", [late], seq=3, close=False)
    assert is_valid(settings, JOINED)  # Late rows are healed: what was published was true of what had landed.
    heal(settings, IMPRESSIONS)
    assert (why(settings, ATTRIBUTIONS).kind, why(settings, JOINED).kind) == ("restated", "restated")
    with pytest.raises(InputsNotValidError, match=r"core\.play_attributions 2026-03-01, which is not valid"):
        heal(settings, JOINED)
    for day in (D1, D2):  # A play of D2 may have been taken by an impression of D1 too.
        heal(settings, ATTRIBUTIONS, day)
    assert not is_valid(settings, JOINED)
    assert Validity(Lake.open(settings)).vtts(JOINED).vtts is None
    for day in (D1, D2):
        heal(settings, JOINED, day)
    assert all(is_valid(settings, dataset, day) for dataset in CHAIN for day in (D1, D2))
    assert "late" in str(rows(settings)[ATTRIBUTIONS])


def test_a_run_that_is_written_again_without_a_day_gives_that_day_up(
    settings: Settings,
) -> None:
    identity = write(settings, RunRequest(JOINED, D2, D2, attempt="ours")).publication_id or ""
    assert audit_branch(settings, JOINED, identity).days == (D1, D2)
    run(settings, RunRequest(JOINED, D2, D2))  # The attempt is stale from here on.
    withdraw(Lake.open(settings), newest(settings, ATTRIBUTIONS), "a broken player")
    assert publish(settings, JOINED, identity).days == (D2,)
    states = {publication.day: publication.state for publication in history(Lake.open(settings), JOINED).find(identity)}
    assert states == {D1: State.ABANDONED, D2: State.PUBLISHED}
    assert publish(settings, JOINED, identity).days == (D2,)


def test_a_withdrawal_raises_the_generation_and_lasts_until_all_ran_again(settings: Settings) -> None:
    before = rows(settings)
    withdraw(Lake.open(settings), newest(settings, PLAYS), "doubled starts")
    assert Validity(Lake.open(settings)).status(PLAYS, D1).generation == 2
    reason = why(settings, JOINED)
    assert [line.strip() for line in reason.lines()][-2:] == [
        "core.plays 2026-03-01: withdrawn: doubled starts",
        "next: `matinee run core.plays --key 2026-03-01` publishes it again.",
    ]
    run(settings, RunRequest(PLAYS, D1, D1))
    assert (newest(settings, PLAYS).generation, newest(settings, PLAYS).run.buckets) == (2, None)
    assert why(settings, ATTRIBUTIONS).detail == "its input core.plays 2026-03-01 was restated: 1 ▸ 2"
    heal(settings, ATTRIBUTIONS)
    assert newest(settings, ATTRIBUTIONS).run.buckets is None  # Nobody knows which cells the withdrawal is about.
    heal(settings, JOINED)
    assert all(is_valid(settings, dataset) for dataset in CHAIN)
    assert rows(settings) == before


def test_a_day_that_newly_fails_an_audit_is_withdrawn_and_the_audit_named(settings: Settings, tmp_path: Path) -> None:
    verdicts = audit_published(strict(settings, tmp_path), PLAYS, D1)
    assert [verdict.audit for verdict in verdicts if verdict.blocks] == ["never"]
    assert is_valid(settings, PLAYS)
    audit_published(strict(settings, tmp_path / "again"), PLAYS, D1, withdraw_failing=True)
    reason = why(settings, PLAYS)
    assert (reason.kind, reason.detail) == ("failing", "withdrawn: never (3 bad rows) failed on main")
    assert "publications show core_plays_20260301_20260302_1" in reason.next_step
    assert why(settings, JOINED).root == reason
    assert all(verdict.sample for verdict in newest(settings, PLAYS).verdicts if verdict.blocks)
    assert is_valid(settings, PLAYS, D2)
    run(settings, RunRequest(PLAYS, D1, D1))
    assert is_valid(settings, PLAYS)
    assert why(settings, ATTRIBUTIONS).kind == "restated"


def test_a_day_that_passes_its_audits_is_not_withdrawn(settings: Settings) -> None:
    audit_published(settings, PLAYS, D1, withdraw_failing=True)
    assert is_valid(settings, PLAYS)


@pytest.mark.slow
def test_a_healed_day_is_audited_again_in_all_its_buckets(settings: Settings, tmp_path: Path) -> None:
    land(Lake.open(settings), "raw.plays", [raw_play(D1, "late", title_id="t1")], seq=3, close=False)
    heal(settings, PLAYS)
    assert len(newest(settings, PLAYS).run.buckets or ()) == 1
    [failed] = [verdict for verdict in audit_published(strict(settings, tmp_path), PLAYS, D1) if verdict.blocks]
    assert failed.bad_rows == 4


def test_rows_that_were_deleted_outside_are_brought_back_by_a_heal(settings: Settings) -> None:
    before = rows(settings)
    Lake.open(settings).table(PLAYS).delete("play_id = 'p1'")
    assert (why(settings, PLAYS).kind, why(settings, JOINED).root.kind) == ("thinned", "thinned")
    heal(settings, PLAYS)
    assert all(is_valid(settings, dataset) for dataset in CHAIN)
    assert rows(settings) == before


def test_publishing_from_what_is_left_of_a_thinned_source_restates_the_day(settings: Settings) -> None:
    Lake.open(settings).table("raw.plays").delete("play_id = 'b1'")
    assert why(settings, PLAYS).detail == "thinned: published from 3 rows of raw.plays, which now holds 2"
    heal(settings, PLAYS)
    assert (is_valid(settings, PLAYS), newest(settings, PLAYS).generation) == (True, 2)
    assert why(settings, ATTRIBUTIONS).kind == "restated"


@pytest.mark.slow
def test_a_run_does_not_read_an_input_that_was_withdrawn_after_its_wait(settings: Settings) -> None:
    withdraw(Lake.open(settings), newest(settings, PLAYS), "doubled starts")
    with pytest.raises(InputsNotValidError, match="withdrawn: doubled starts") as refused:
        write(settings, RunRequest(ATTRIBUTIONS, D1, D1))
    assert refused.value.facts["kind"] == "withdrawn"
    assert (
        set(Lake.open(settings).table(ATTRIBUTIONS).metadata.refs) & {"audit_core_play_attributions_20260301_1"}
        == set()
    )


def test_a_publication_whose_input_was_withdrawn_meanwhile_is_not_valid(
    settings: Settings,
) -> None:
    identity = write(settings, RunRequest(ATTRIBUTIONS, D1, D1)).publication_id or ""
    audit_branch(settings, ATTRIBUTIONS, identity)
    withdraw(Lake.open(settings), newest(settings, PLAYS), "doubled starts")
    publish(settings, ATTRIBUTIONS, identity)
    table = Lake.open(settings).table(ATTRIBUTIONS)
    assert refs.head(table) == newest(settings, ATTRIBUTIONS).head_snapshot_id
    assert why(settings, ATTRIBUTIONS).root.kind == "withdrawn"


def test_maturing_takes_validity_from_nothing(settings: Settings) -> None:
    lake = Lake.open(settings)
    land(lake, "raw.impressions", [raw_impression(D3, "e3")], seq=3)
    land(lake, "raw.plays", [raw_play(D3, "p3")], seq=3)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D3, D3))
    matured = newest(settings, JOINED, D2)
    assert (matured.run.key, matured.generation) == (str(D3), 1)
    assert all(is_valid(settings, dataset, day) for dataset in CHAIN for day in (D1, D2, D3))


def test_the_next_days_run_leaves_a_withdrawn_day_to_a_person(settings: Settings) -> None:
    withdraw(Lake.open(settings), newest(settings, JOINED), "a broken player")
    assert run(settings, RunRequest(JOINED, D2, D2)).days == (D2,)
    assert why(settings, JOINED).detail == "withdrawn: a broken player"
    assert run(settings, RunRequest(JOINED, D1, D1)).days == (D1,)
    assert is_valid(settings, JOINED)
