"""The stream's lease."""

from pathlib import Path

from matinee.contracts.model import live_name
from matinee.live.impressions import OUTCOMES
from matinee.live.lease import streaming
from matinee.settings import load_settings
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing


def test_who_takes_it_drops_the_branch_of_a_swap_that_was_killed(tmp_path: Path) -> None:
    lake, name = Lake.open(load_settings(home=tmp_path, catalog="embedded")), live_name(OUTCOMES)
    lake.ensure(name)
    commit_nothing(lake, name, refs.MAIN, {})
    refs.create_branch(lake.table(name), f"{names.SWAP}killed", refs.head(lake.table(name)))
    with streaming(lake):
        assert set(lake.table(name).metadata.refs) == {refs.MAIN}
