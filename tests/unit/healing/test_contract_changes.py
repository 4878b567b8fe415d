"""What a changed contract restates: days made by another version or under other terms, and days that read such days."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, core_play, kept, land, prepare, raw_play

from matinee import __version__
from matinee.contracts.ddl import BUCKETS
from matinee.contracts.model import live_name
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.healing.contract_changes import contract_changes
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.changed_buckets import is_explained
from matinee.publication.move import move_to_main
from matinee.publication.terms import row_terms
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

PLAYS, ATTRIBUTIONS, OUTCOMES = "core.plays", "core.play_attributions", "core.impression_plays"


def fill(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(day) for day in (D1, D2, D3)])
    for dataset in (PLAYS, ATTRIBUTIONS, OUTCOMES):
        for day in (D1, D2, D3):
            publish(lake, dataset, day)


kept_lake, lake = kept(fill)


def publish(lake: Lake, dataset: str, day: date) -> None:
    """Publish a day as the contract says now."""
    contract = lake.registry.get(dataset)
    rows = [core_play(day)] if dataset == PLAYS else []
    terms, version = row_terms(contract), contract.version
    move_to_main(lake, prepare(lake, dataset, day, rows, terms=terms, version=version), lambda _: ())


def changed(lake: Lake, dataset: str, **values: object) -> Lake:
    """Return the lake with another contract of a dataset."""
    contract = replace(lake.registry.get(dataset), **values)  # type: ignore[arg-type]
    return replace(lake, registry=Registry({**lake.registry.contracts, dataset: contract}))


def with_window(lake: Lake, dataset: str, window: str, **values: object) -> Lake:
    parameters = {**lake.registry.get(dataset).parameters, "attribution.window": window}
    return changed(lake, dataset, parameters=parameters, **values)


def brief(lake: Lake) -> list[tuple[str, tuple[str, ...], tuple[date, ...]]]:
    return [(change.dataset, change.changes, change.days) for change in contract_changes(lake)]


def test_nothing_is_restated_where_contracts_stand(lake: Lake) -> None:
    assert brief(lake) == []


def test_another_window_restates_each_published_day_and_what_reads_it(lake: Lake) -> None:
    wider = with_window(lake, ATTRIBUTIONS, "1h", version="1.1.0")
    version, window = "contract: 1.0.0 ▸ 1.1.0", "attribution.window: 24h ▸ 1h"
    assert brief(wider) == [
        (ATTRIBUTIONS, (version, window), (D1, D2, D3)),
        (OUTCOMES, ("its input core.play_attributions is restated",), (D1, D2, D3)),
    ]
    steps = [change.next_step for change in contract_changes(wider)]
    assert steps == [
        f'`matinee backfill apply {ATTRIBUTIONS} --from {D1} --to {D3} --reason "contract 1.1.0"`.',
        "Nothing: the backfill of its input derives these days, too.",
    ]


def test_days_that_were_published_under_the_new_contract_are_not_restated(lake: Lake) -> None:
    wider = with_window(lake, OUTCOMES, "1h", version="1.1.0")
    publish(wider, OUTCOMES, D2)
    assert [change.days for change in contract_changes(wider)] == [(D1, D3)]


def test_other_terms_under_the_same_version_ask_for_a_version(lake: Lake) -> None:
    [change] = contract_changes(with_window(lake, OUTCOMES, "1h"))
    assert change.changes == ("attribution.window: 24h ▸ 1h",)
    assert change.next_step.startswith("Give the contract a new version")


@pytest.mark.parametrize(("noted", "said"), [("4", "4"), ("0", "in part")])
def test_live_rows_in_another_number_of_buckets_are_named(lake: Lake, noted: str, said: str) -> None:
    name = live_name(OUTCOMES)
    with lake.ensure(name).transaction() as change:
        change.set_properties({BUCKETS: noted})
    number = lake.registry.get(name).cells.buckets
    assert [change.changes for change in contract_changes(lake)] == [(f"cells.buckets: {said} ▸ {number}",)]


def test_a_parameter_that_only_audits_read_restates_nothing(lake: Lake) -> None:
    parameters = {**lake.registry.get(OUTCOMES).parameters, "take_rate.max": "0.4", "live.keep": "8d"}
    assert brief(changed(lake, OUTCOMES, parameters=parameters)) == []


def test_a_parameter_that_a_statement_binds_restates_its_days(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "transform.sql").write_text("SELECT :take_rate_max FROM impressions")
    written = {"transform": "transform.sql", "folder": tmp_path}
    stated = changed(lake, OUTCOMES, **written)
    for day in (D1, D2, D3):
        publish(stated, OUTCOMES, day)
    before = stated.registry.get(OUTCOMES).parameters
    assert brief(changed(lake, OUTCOMES, **written, parameters=before | {"take_rate.min": "0.1"})) == []
    [change] = contract_changes(changed(lake, OUTCOMES, **written, parameters=before | {"take_rate.max": "0.1"}))
    assert change.changes == ("take_rate.max: 0.5 ▸ 0.1",)


def test_a_day_of_which_no_terms_are_known_is_judged_by_the_version_alone(lake: Lake) -> None:
    move_to_main(lake, prepare(lake, OUTCOMES, D2, []), lambda _: ())
    assert [change.days for change in contract_changes(with_window(lake, OUTCOMES, "1h"))] == [(D1, D3)]


def test_a_withdrawn_day_is_not_restated(lake: Lake) -> None:
    newest = history(lake, OUTCOMES).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "a wrong client")
    assert [change.days for change in contract_changes(with_window(lake, OUTCOMES, "1h"))] == [(D2, D3)]


def test_a_change_of_the_table_restates_no_day(lake: Lake) -> None:
    [change] = contract_changes(changed(lake, PLAYS, description="Plays."))
    assert change.days == ()
    assert [word.partition(":")[0] for word in change.changes] == ["property comment"]


def test_a_change_that_the_table_cannot_follow_is_refused(lake: Lake) -> None:
    with pytest.raises(ContractError, match="changes the partitioning"):
        brief(changed(lake, PLAYS, partitions=()))


def test_a_refused_change_keeps_no_other_change_from_being_told(lake: Lake) -> None:
    told = contract_changes(changed(with_window(lake, OUTCOMES, "1h"), PLAYS, partitions=()))
    assert next(told).dataset == OUTCOMES
    with pytest.raises(ContractError, match="changes the partitioning"):
        next(told)


def test_a_day_under_other_terms_is_not_healed_cell_by_cell(lake: Lake) -> None:
    newest = history(lake, ATTRIBUTIONS).newest(D1)
    assert newest is not None
    newest = replace(newest, run=replace(newest.run, code_version=__version__))
    contracts = [variant.registry.get(ATTRIBUTIONS) for variant in (lake, with_window(lake, ATTRIBUTIONS, "1h"))]
    assert [is_explained(lake, Validity(lake), contract, newest) for contract in contracts] == [True, False]
