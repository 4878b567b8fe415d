"""Terms: what a contract says of a dataset's rows, besides the rows that its transform reads.

A run records them. Under other terms, or by another version of the contract, the same input gives other rows.
"""

from collections.abc import Mapping

from matinee.contracts.model import Contract
from matinee.contracts.readers import decides_rows
from matinee.ledger.model import Run


def row_terms(contract: Contract) -> dict[str, str]:
    """Return the terms of a derived dataset by name: transform, key, cells, inputs, parameters that decide rows."""
    terms = {"transform": contract.transform or "", "key": ", ".join(contract.key_columns)}
    if contract.cells.column:
        terms |= {"cells.of": contract.cells.of, "cells.buckets": str(contract.cells.buckets)}
    reaches = {contract.touches}
    for spec in contract.inputs:
        terms[f"input {spec.alias}"] = f"{spec.dataset}, {spec.lookback} back, {spec.lookahead} ahead"
        reaches |= {spec.lookback, spec.lookahead}
    named = {name: value for name, value in contract.parameters.items() if name in reaches}
    return terms | named | decides_rows(contract)


def other_terms(before: Run, now: Mapping[str, str]) -> tuple[str, ...]:
    """Return in words which terms are not those of a run; none where the run recorded none."""
    names = sorted(before.terms.keys() | now.keys()) if before.terms else ()
    return tuple(
        f"{name}: {before.terms.get(name, 'none')} ▸ {now.get(name, 'none')}"
        for name in names
        if before.terms.get(name) != now.get(name)
    )
