"""Terms: what a contract says of a dataset's rows, besides the rows that its transform reads.

A run records its terms. Under other terms, or by another version of the contract, the same input gives other rows. The
number of buckets is a term: each day is in the number of buckets of the newest run that wrote the whole day.
"""

from collections.abc import Mapping
from dataclasses import replace

from matinee.contracts.ddl import BUCKETS
from matinee.contracts.model import Contract
from matinee.contracts.readers import decides_rows
from matinee.ledger.model import Run
from matinee.table.catalog import Lake

_TRANSFORM, _NUMBER = "transform", "cells.buckets"


def row_terms(contract: Contract) -> dict[str, str]:
    """Return the terms of a derived dataset by name: transform, key, cells, inputs, parameters that decide rows."""
    terms = {_TRANSFORM: contract.transform or "", "key": ", ".join(contract.key_columns)}
    if contract.cells.column:
        terms |= {"cells.of": contract.cells.of, _NUMBER: str(contract.cells.buckets)}
    reaches = {contract.touches}
    for spec in contract.inputs:
        terms[f"input {spec.alias}"] = f"{spec.dataset}, {spec.lookback} back, {spec.lookahead} ahead"
        reaches |= {spec.lookback, spec.lookahead}
    named = {name: value for name, value in contract.parameters.items() if name in reaches}
    return terms | named | decides_rows(contract)


def terms_of(lake: Lake, run: Run) -> Mapping[str, str]:
    """Return the terms of a run; only the number of buckets where an earlier version of Matinee recorded the run."""
    number = None if run.terms else lake.table(run.dataset).properties.get(BUCKETS)
    return {_NUMBER: number} if number else run.terms


def other_terms(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return in words which of the recorded terms differ now."""
    names = sorted(before.keys() | now.keys()) if _TRANSFORM in before else before
    return tuple(
        f"{name}: {before.get(name, 'none')} ▸ {now.get(name, 'none')}"
        for name in names
        if before.get(name) != now.get(name)
    )


def buckets_of(lake: Lake, run: Run) -> int | None:
    """Return the number of buckets that a run has written its days in; None where its dataset has none."""
    number = terms_of(lake, run).get(_NUMBER)
    return int(number) if number else None


def contract_of(lake: Lake, run: Run) -> Contract:
    """Return the contract that a run was made by: with the parameters and the number of buckets of the run."""
    contract = lake.registry.get(run.dataset).with_parameters(run.parameters)
    return in_buckets(contract, buckets_of(lake, run) or contract.cells.buckets)


def in_buckets(contract: Contract, buckets: int) -> Contract:
    """Return the contract with another number of buckets, for days that were written in that number."""
    if not contract.cells.column or buckets == contract.cells.buckets:
        return contract
    columns = tuple(
        replace(column, maximum=buckets - 1)
        if column.name == contract.cells.column and column.maximum is not None
        else column
        for column in contract.columns
    )
    return replace(contract, cells=replace(contract.cells, buckets=buckets), columns=columns)
