"""Mutants are drawn by a seed, tried by the tests that reach them, and equal only where an entry fits."""

from pathlib import Path

import pytest
from tests.mutants.mutants import EQUAL, Equal, Mutant, drawn, known_equal, mutants_of, reaching, stale
from tests.mutants.reached import CODE, Reach
from tests.mutants.results import Result, Store


def mutant(line: int = 5, edit: str = "a < b ▸ a <= b", function: str = "f") -> Mutant:
    return Mutant("ledger/pins.py", line, function, line, f"return a < b  # {line}", edit, range(line, line + 1))


def reach(name: str, seconds: float, *lines: int) -> Reach:
    return Reach(f"tests/unit/{name}::test", seconds, {"ledger/pins.py": [*lines]})


def test_a_draw_is_the_same_each_time_and_another_by_another_seed() -> None:
    mutants = [mutant(line) for line in range(40)]
    assert drawn(mutants, 10, 1) == drawn(reversed(mutants), 10, 1) != drawn(mutants, 10, 2)
    assert drawn(mutants, None, 1) == mutants


def test_the_tests_of_the_module_run_first_then_the_cheapest_of_each_file() -> None:
    cheap = Reach("tests/unit/table/test_refs.py::cheap", 0.1, {"ledger/pins.py": [5]})
    reaches = [
        cheap,
        reach("table/test_refs.py", 0.2, 5),
        reach("ledger/test_recovery.py", 0.3, 5),
        reach("ledger/test_pins.py", 0.9, 5),
        reach("ledger/test_rows.py", 0.1, 6),
    ]
    first = ["tests/unit/ledger/test_pins.py::test", "tests/unit/ledger/test_recovery.py::test", cheap.test]
    assert reaching(mutant(), reaches, 10) == [*first, "tests/unit/table/test_refs.py::test"]
    assert reaching(mutant(), reaches, 1.35) == first


def test_what_is_outside_functions_is_tried_by_whoever_reaches_the_module() -> None:
    reaches = [reach("ledger/test_pins.py", 0.9, 77), Reach("tests/unit/table/test_refs.py::test", 0.1, {})]
    assert reaching(mutant(function=""), reaches, 10) == ["tests/unit/ledger/test_pins.py::test"]


def test_an_entry_whose_line_changed_is_stale() -> None:
    entry = Equal("ledger/pins.py", "return a < b  # 5", "a < b ▸ a <= b", "never equal")
    assert entry.fits(mutant(5))
    assert not entry.fits(mutant(6))
    assert stale([entry], [mutant(5)]) == []
    assert stale([entry], [mutant(6)]) == [entry]


def test_every_known_equal_mutant_is_there_and_has_a_reason() -> None:
    equal = known_equal(EQUAL)
    mutants = [mutant for path in {entry.path for entry in equal} for mutant in mutants_of(CODE / path)]
    assert stale(equal, mutants) == []
    assert all(len(entry.reason) > 20 for entry in equal)


@pytest.mark.parametrize("noticed_by", [None, "tests/unit/mutants/test_mutants.py::test"])
def test_a_result_is_kept_for_the_next_run(tmp_path: Path, noticed_by: str | None) -> None:
    real = mutants_of(CODE / "ledger" / "pins.py")[0]
    result = Result(real, noticed_by, 3, 0.5)
    Store(tmp_path, [], 10).put(result)
    assert Store(tmp_path, [], 10).get(real) == result
    for other in (Store(tmp_path, [Path(__file__)], 10), Store(tmp_path, [], 20)):
        assert other.get(real) == (result if noticed_by else None)
