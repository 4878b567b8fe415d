"""The count of modules that a row visits: functions of the package, by module, each once."""

from types import CodeType

from tests.bench.modules import by_module, noted

from matinee.days import day_range, parse_day


def test_functions_of_the_package_are_noted_by_their_module() -> None:
    ran: set[CodeType] = set()
    with noted(ran):
        for _ in range(2):
            list(day_range(parse_day("2026-03-01"), parse_day("2026-03-02")))
    parse_day("2026-03-01")
    functions = by_module(ran)
    assert list(functions) == ["days.py"]
    assert {"day_range", "parse_day"} <= {*functions["days.py"]}
    assert len({*functions["days.py"]}) == len(functions["days.py"])


def test_what_runs_outside_the_block_is_not_noted() -> None:
    ran: set[CodeType] = set()
    with noted(ran):
        pass
    parse_day("2026-03-01")
    assert by_module(ran) == {}
