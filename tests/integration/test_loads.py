"""How often a daily run loads a table: once a look, and once more wherever it must see what others have done."""

from collections import Counter

import pytest
from tests.support.lakes import D1, D2, land_days
from tests.support.loads import Load, counted_loads

from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import load_settings
from matinee.table.catalog import Lake

JOINED, SHOWN, LEDGER = "core.impression_plays", "core.impressions", "ops.publications"
CHAIN = (SHOWN, "core.plays", "core.play_attributions", JOINED)

#: Looks of a run at its own table, and its commits there: the catalog compares each commit with what is there then.
OWN = {
    "recover": 1,
    "plan": 1,  # Brings the table to its contract.
    "make_branch": 1,  # Must see who took the identity, and `main`, after the ledger.
    "create_branch, a commit": 1,
    "_run_on": 1,  # Must see withdrawals and publications of the run's days.
    "derive": 1,  # Must see where the branch is.
    "commit_staged": 1,  # Must see that the branch did not move while files were staged.
    "commit_staged, a commit": 1,
    "write": 1,  # Must see what stands on the branch.
    "audit": 1,  # Must see what stands on the branch by now.
    "prepare": 1,  # Must see what others published and withdrew while the audits ran.
    "publish": 1,  # Must see `main`, after the ledger.
    "publish_snapshot, a commit": 1,
    "finish": 2,  # Must see `main` after the move; and, after the record, what a twin has tagged and dropped.
    "create_tag, a commit": 1,
    "remove, a commit": 1,
    "vtts": 1,
}
#: Looks at an input: the rows that are read are pinned, and held from the look at them on.
INPUT = {
    "_pinned_run": 1,  # Must see the head of `main`.
    "put_tag, a commit": 1,
    "_run_on": 1,  # Must see, after the pin, whether the head moved, and the generations.
    "derive": 1,
    "rows_by_day": 1,
    "audit_candidate": 1,
    "release": 1,  # Must see what another try of the run holds.
    "remove, a commit": 1,
    "vtts": 1,
}
#: Looks at the ledger: each before the look at `main` that belongs to it.
NOTED = {
    "recover": 1,
    "make_branch": 1,
    "_run_on": 1,
    "audit": 1,
    "prepare": 1,
    "publish": 1,
    "finish": 1,
    "record": 2,
    "record, a commit": 2,
    "vtts": 1,
}
_NAMES = {name.partition(",")[0] for name in OWN | INPUT | NOTED}


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> list[Load]:
    """Loads of the second day's run of the last dataset, on Sail."""
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, catalog="embedded", engine="sail", spark_remote=None)
    land_days(Lake.open(settings), D1, D2)
    days = [(dataset, day) for day in (D1, D2) for dataset in CHAIN]
    for dataset, day in days[:-1]:
        run(settings, RunRequest(dataset, day, day))
    with counted_loads() as counted:
        run(settings, RunRequest(JOINED, D2, D2))
    return counted


@pytest.mark.parametrize(("dataset", "looks"), [(JOINED, OWN), (SHOWN, INPUT), (LEDGER, NOTED)])
def test_a_table_is_loaded_once_a_look_and_once_a_commit(
    loads: list[Load], dataset: str, looks: dict[str, int]
) -> None:
    assert Counter(load.within(_NAMES) for load in loads if load.dataset == dataset) == looks


def test_a_table_that_is_only_asked_about_is_loaded_once_a_look(loads: list[Load]) -> None:
    asked = Counter(load.dataset for load in loads if load.dataset in ("core.plays", "raw.impressions", "raw.plays"))
    assert asked == {"core.plays": 2, "raw.impressions": 2, "raw.plays": 2}
    assert {load.within(_NAMES) for load in loads if load.dataset in asked} == {"_run_on", "vtts"}
