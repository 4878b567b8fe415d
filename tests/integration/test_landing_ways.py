"""The fast way and the judge agree on lines with every fault of producers that we know of."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from tests.support.mutations import lines
from tests.support.nested import with_lists, with_structs

from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.contracts.registry import Registry
from matinee.landing.parsing.judge import judge_of, landed_fields
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.parsing.rules import arrow_type
from matinee.landing.parsing.values import micros
from matinee.settings import CHECKOUT

IMPRESSIONS, PLAYS = (Registry.load(CHECKOUT / "sql").get(name) for name in ("raw.impressions", "raw.plays"))
#: Columns of every type, with every rule.
OTHERS = [
    Column("count", "long", required=False, doc="", minimum=-5),
    Column("is_new", "boolean", required=True, doc=""),
    Column("released", "date", required=False, doc=""),
    Column("kind", "string", required=False, doc="", enum=("a", "tv")),
]
CONTRACTS = [IMPRESSIONS, PLAYS, replace(PLAYS, dataset="raw.others", columns=(*PLAYS.columns, *OTHERS))]
CONTRACTS += [with_lists(PLAYS), with_structs(PLAYS)]
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PIECE = 10_000
_AS_NUMBERS = {"timestamptz": pa.int64(), "date": pa.int32()}


def _as_numbers(field: Column) -> pa.DataType:
    if field.items:
        return pa.list_(_as_numbers(field.items))
    if field.fields:
        return pa.struct([(inner.name, _as_numbers(inner)) for inner in field.fields])
    return _AS_NUMBERS.get(field.type) or arrow_type(field.type)


def check(contract: Contract, seed: int, count: int) -> None:
    """Compare both ways, row by row, to the bit."""
    judge, mutated = judge_of(contract), list(lines(contract, seed, count))
    parsed = parse_lines(contract, "f", mutated, 1, LANDED)
    judged = [judge.judge(line, micros(LANDED)) for line in mutated]
    assert parsed["reason"].to_pylist() == [row.reason for row in judged]
    assert parsed["unknown"].to_pylist() == [row.unknown for row in judged]
    for field in landed_fields(contract):
        values = parsed[field.name].cast(_as_numbers(field))
        # The texts are compared, because -0.0 == 0.0 and 1.0 == 1.
        for value, row in zip(values.to_pylist(), judged, strict=True):
            # Of a bad row nothing but the received time is kept.
            assert (row.reason and field.name != RECEIVED) or repr(value) == repr(row.values.get(field.name)), (
                field.name
            )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
def test_both_ways_say_the_same(contract: Contract) -> None:
    check(contract, 1, 3000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
def test_both_ways_say_the_same_of_a_million_lines(contract: Contract) -> None:
    for seed in range(2, 36):
        check(contract, seed, PIECE)
