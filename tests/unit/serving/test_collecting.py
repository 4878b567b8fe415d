"""Collecting and forgetting: what stays, what goes, and for whom."""

from datetime import timedelta

from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, versions_of

from matinee.serving import declaration
from matinee.serving.activation import activate, rollback
from matinee.serving.building import build
from matinee.serving.collecting import collect, leftovers
from matinee.serving.forgetting import forget
from matinee.serving.step import step
from matinee.table.catalog import Lake


def left(lake: Lake) -> list[str]:
    declared = declaration.load(lake.registry.get(OFFERS))
    return [leftover.version for leftover in leftovers(versions_of(lake), declared)]


def test_the_active_version_and_those_before_it_stay(lake: Lake) -> None:
    versions = []
    for number in range(4):
        publish_offers(lake, [offer("de", f"t{number}", D2 + timedelta(days=number))], D2 + timedelta(days=number))
        versions.append(str(step(lake.settings, OFFERS).details["version"]))
    assert versions_of(lake).names() == versions[1:]
    rollback(versions_of(lake), "me")
    assert left(lake) == []
    assert versions_of(lake).pointer().active == versions[2]


def test_versions_that_nobody_activated_go_when_newer_ones_are_there(lake: Lake) -> None:
    built = [build(lake, OFFERS).version]
    for number in range(3):
        publish_offers(lake, [offer("de", f"t{number}")], D1, attempt=f"again{number}")
        built.append(build(lake, OFFERS).version)
    assert left(lake) == [built[0]]
    [leftover] = leftovers(versions_of(lake), declaration.load(lake.registry.get(OFFERS)))
    collect(versions_of(lake), leftover)
    assert versions_of(lake).names() == sorted(built[1:])
    assert build(lake, OFFERS).version == built[-1]


def test_a_version_that_became_active_since_it_was_listed_stays(lake: Lake) -> None:
    first = build(lake, OFFERS).version
    for number in range(3):
        publish_offers(lake, [offer("de", f"t{number}")], D1, attempt=f"again{number}")
        build(lake, OFFERS)
    [leftover] = leftovers(versions_of(lake), declaration.load(lake.registry.get(OFFERS)))
    assert leftover.version == first
    activate(versions_of(lake), first, "me", "a trial", force=True)
    collect(versions_of(lake), leftover)
    assert versions_of(lake).manifest(first).version == first


def test_what_is_forgotten_is_gone_from_all_versions_and_no_more(lake: Lake) -> None:
    first = str(step(lake.settings, OFFERS).details["version"])
    publish_offers(lake, [offer("de", "t3", D2), offer("dex", "t3", D2)], D2)
    second = str(step(lake.settings, OFFERS).details["version"])
    before = versions_of(lake).pointer().number
    assert forget(lake, OFFERS, ["de"]) == {first: 2, second: 1}
    assert versions_of(lake).pointer().number == before + 1
    assert [versions_of(lake).manifest(version).keys for version in (first, second)] == [4, 1]
    assert forget(lake, OFFERS, ["nobody"]) == {first: 0, second: 0}
