"""The growth part of the benchmark: a history in bulk answers as one of many commits; questions are counted."""

from pathlib import Path

import pytest
from tests.bench import history_lake
from tests.bench.history_lake import build_history
from tests.bench.questions import CHAIN, QUESTIONS, ask

from matinee.healing.late import stale_days
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

DAYS = 30


def settings_in(home: Path) -> Settings:
    return load_settings(home=home, catalog="embedded", spark_remote=None)


def answers(settings: Settings) -> list[object]:
    lake = Lake.open(settings)
    validity = Validity(lake)
    states = [validity.vtts(dataset) for dataset in CHAIN]
    return [[state.vtts, state.mature_through, state.held_by] for state in states] + [list(stale_days(lake))]


def test_a_history_written_in_bulk_answers_as_one_of_separate_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = build_history(settings_in(tmp_path / "bulk"), 4, DAYS)
    monkeypatch.setattr(history_lake, "KEPT", DAYS)
    apart = build_history(settings_in(tmp_path / "apart"), 4, DAYS)
    assert len(Lake.open(apart).table(CHAIN[0]).metadata.snapshots) == DAYS + 1
    assert len(Lake.open(bulk).table(CHAIN[0]).metadata.snapshots) == 15
    assert answers(bulk) == answers(apart)


def test_more_datasets_have_contracts_and_inputs_of_their_own(tmp_path: Path) -> None:
    lake = Lake.open(build_history(settings_in(tmp_path), 8, 2))
    assert lake.registry.get("core.impression_plays_01").inputs[0].dataset == "core.impressions_01"
    assert Validity(lake).vtts("core.impression_plays_01").vtts == Validity(lake).vtts("core.impression_plays").vtts


@pytest.mark.parametrize("question", sorted({*QUESTIONS} - {"run", "watch"}))
def test_a_question_is_counted_on_the_second_lake_only(tmp_path: Path, question: str) -> None:
    for name in ("warm", "home"):
        build_history(settings_in(tmp_path / name), 4, 2)
    costs = ask(question, tmp_path / "warm", tmp_path / "home")
    assert costs["cpu_s"] > 0
    assert min(costs["loads"], costs["files"], costs["file_bytes"]) > 0
