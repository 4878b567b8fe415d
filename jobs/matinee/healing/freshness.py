"""Fresh days: days that the ledger's columns show to be newer than all their inputs, nearly all of a long history.

A day that is not fresh may still be up to date: `late` reads its publication, and says which inputs are newer.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract, InputSpec
from matinee.ledger.columns import days_of, reads_of
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def fresh_days(
    validity: Validity, contract: Contract, landings: Mapping[str, Mapping[date, int]], first: date, last: date
) -> frozenset[date]:
    """Return the fresh days of a published dataset.

    Args:
        validity: a look at the lake.
        contract: of the dataset.
        landings: the highest landing number of each day in each landed input.
        first, last: the days to look at.
    """
    import numpy as np
    import pyarrow.compute as pc

    newest = validity.history(contract.dataset).newest_columns
    if newest is not None:
        newest = newest.filter(pc.and_(pc.greater_equal(newest["day"], first), pc.less_equal(newest["day"], last)))
    if not newest:
        return frozenset()
    days = days_of(newest)
    fresh = np.full(len(days), fill_value=True)
    for spec in contract.inputs:
        if spec.dataset in landings:
            fresh &= _nothing_landed(validity, newest, spec.dataset, landings[spec.dataset])
        else:
            fresh &= _nothing_published(validity, contract, spec, newest)
    return frozenset(days[fresh].tolist())


def _nothing_landed(validity: Validity, newest: "pa.Table", source: str, landings: Mapping[date, int]) -> "np.ndarray":
    """Whether publications read their own day of a landed input as it is now."""
    import numpy as np
    import pyarrow.compute as pc

    days, reads = days_of(newest), reads_of(newest, source, "landing_seq")
    rows, numbers = reads["reader"].to_numpy(), pc.fill_null(reads["landing_seq"], 0).to_numpy()
    own = days_of(reads) == days[rows]
    read = np.full(len(days), -1)
    read[rows[own]] = numbers[own]
    landed = np.array([landings.get(day, 0) for day in days.tolist()], np.int64)
    unchanged: np.ndarray = (read >= landed) & (validity.landed_rows(source, days) <= newest["rows_in"].to_numpy())
    return unchanged


def _nothing_published(validity: Validity, contract: Contract, spec: InputSpec, newest: "pa.Table") -> "np.ndarray":
    """Whether publications read all days of a published input that are valid now, as they are now."""
    import numpy as np

    days, reads = days_of(newest), reads_of(newest, spec.dataset, "generation", "stamp")
    day = days[0].item()
    first, last = contract.input_days(spec, day, day)
    window = days[:, None] + np.arange((first - day).days, (last - day).days + 1)
    # The generation and stamp that each publication read of each day of its window.
    generations, stamps = np.full(window.shape, -1), np.full(window.shape, "", object)
    rows = reads["reader"].to_numpy()
    offsets = (days_of(reads) - window[rows, 0]).astype(np.int64)
    inside = (offsets >= 0) & (offsets < window.shape[1])
    generations[rows[inside], offsets[inside]] = reads["generation"].to_numpy()[inside]
    stamps[rows[inside], offsets[inside]] = _texts(reads["stamp"])[inside]
    valid, generations_now, stamps_now = _now(validity, spec.dataset, window)
    other = (stamps != stamps_now) & (stamps != "") & (stamps_now != "")
    stale: np.ndarray = (valid & ((generations != generations_now) | other)).any(axis=1)
    return ~stale


def _now(validity: Validity, dataset: str, days: "np.ndarray") -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Return whether days of a published dataset are valid, their generations and their stamps, as `status` does."""
    import numpy as np

    asked, places = np.unique(days, return_inverse=True)
    valid, generations = np.isin(asked, validity.plain(dataset).days), validity.generations(dataset, asked)
    stamps = np.full(len(asked), "", object)
    newest = validity.history(dataset).newest_columns
    if newest is not None:
        _, here, there = np.intersect1d(asked, days_of(newest), return_indices=True)
        stamps[here] = _texts(newest["stamp"])[there]
    for place in np.flatnonzero(~valid).tolist():
        status = validity.status(dataset, asked[place].item())
        valid[place], generations[place], stamps[place] = status.valid, status.generation, status.stamp or ""
    places = places.reshape(days.shape)
    return valid[places], generations[places], stamps[places]


def _texts(column: "pa.ChunkedArray") -> "np.ndarray":
    import numpy as np

    return np.array([text or "" for text in column.to_pylist()], object)
