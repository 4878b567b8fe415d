"""Commits of data files: what is to be removed is found in whichever manifest it stands."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.expressions import visitors
from pyiceberg.manifest import ManifestFile
from tests.lakes import D1, arrow, core_play, ids, make_lake

from matinee.table import refs
from matinee.table.commits import replace_files
from matinee.table.files import data_files

PLAYS = "core.plays"


def test_a_file_is_removed_while_other_threads_judge_other_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    for number in range(6):
        day = D1 + timedelta(days=number)
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(day, f"p{number}")]))

    def slowly(self: visitors._ManifestEvalVisitor, manifest: ManifestFile) -> bool:
        self.partition_fields = manifest.partitions or []
        time.sleep(0.05)
        return visitors.visit(self.partition_filter, self)

    monkeypatch.setattr(visitors._ManifestEvalVisitor, "eval", slowly)
    table = lake.table(PLAYS)
    # The newest manifest is the first one to be judged, and the others come in between.
    replace_files(table, refs.MAIN, list(data_files(table, "event_day", first=day, last=day)), [], {})
    assert ids(lake, PLAYS, "play_id") == [f"p{number}" for number in range(5)]
