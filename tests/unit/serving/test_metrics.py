"""Served datasets are told by their active version."""

from tests.support.lakes import D1
from tests.support.metrics import told
from tests.support.served import OFFERS, versions_of

from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.serving.metrics import served
from matinee.serving.step import step
from matinee.table.catalog import Lake


def test_a_dataset_without_an_active_version_has_no_keys(lake: Lake) -> None:
    assert told(served(lake.settings)) == {("served_keys", OFFERS): 0}


def test_the_active_version_is_told_with_its_age_and_reach(lake: Lake) -> None:
    step(lake.settings, OFFERS)
    manifest = versions_of(lake).active()
    assert manifest is not None
    assert manifest.plan.source.vtts is not None
    seen = told(served(lake.settings))
    assert seen["served_keys", OFFERS] == 6
    assert seen["served_built_timestamp_seconds", OFFERS] == manifest.built.timestamp()
    assert seen["served_vtts_timestamp_seconds", OFFERS] == manifest.plan.source.vtts.timestamp()
    assert seen["served_withdrawn", OFFERS] == 0


def test_withdrawn_rows_are_told(lake: Lake) -> None:
    step(lake.settings, OFFERS)
    newest = history(lake, OFFERS).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "wrong prices")
    assert told(served(lake.settings))["served_withdrawn", OFFERS] == 1
