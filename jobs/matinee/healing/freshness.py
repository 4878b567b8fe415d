"""Fresh days: days that the ledger's columns show to be newer than all their inputs, nearly all of a long history.

A day that is not fresh may still be up to date: `late` reads its publication, and says which inputs are newer.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract, InputSpec
from matinee.ledger.columns import days_of, numbers_of, reads_of, values_on
from matinee.validity.day_set import DaySet
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def fresh_days(
    validity: Validity, contract: Contract, landings: Mapping[str, Mapping[date, int]], first: date, last: date
) -> DaySet:
    """Return the fresh days of a published dataset.

    Args:
        validity: a look at the lake.
        contract: of the dataset.
        landings: the highest landing number of each day in each landed input.
        first, last: the days to look at.
    """
    import numpy as np

    newest = validity.history(contract.dataset).newest_columns
    if newest is None:
        return DaySet()
    begin, end = np.searchsorted(days_of(newest), np.array([first, last], "datetime64[D]") + np.array([0, 1]))
    newest = newest.slice(begin, end - begin)
    if not newest:
        return DaySet()
    days = days_of(newest)
    fresh = np.full(len(days), fill_value=True)
    for spec in contract.inputs:
        if spec.dataset in landings:
            fresh &= _nothing_landed(validity, newest, spec.dataset, landings[spec.dataset])
        else:
            fresh &= _nothing_published(validity, contract, spec, newest)
    return DaySet(days[fresh])


def _nothing_landed(validity: Validity, newest: "pa.Table", source: str, landings: Mapping[date, int]) -> "np.ndarray":
    """Whether publications read their own day of a landed input as it is now."""
    import numpy as np
    import pyarrow.compute as pc

    days, reads = days_of(newest), reads_of(newest, source, "landing_seq")
    rows, numbers = reads["reader"].to_numpy(), pc.fill_null(reads["landing_seq"], 0).to_numpy()
    own = days_of(reads) == days[rows]
    read = np.full(len(days), -1)
    read[rows[own]] = numbers[own]
    landed = values_on(days, *numbers_of(landings), 0)
    unchanged: np.ndarray = (read >= landed) & (validity.landed_rows(source, days) <= newest["rows_in"].to_numpy())
    return unchanged


def _nothing_published(validity: Validity, contract: Contract, spec: InputSpec, newest: "pa.Table") -> "np.ndarray":
    """Whether publications read all days of a published input that are valid now, as they are now."""
    import numpy as np

    days, reads = days_of(newest), reads_of(newest, spec.dataset, "generation", "stamp")
    day = days[0].item()
    first, last = contract.input_days(spec, day, day)
    window = days[:, None] + np.arange((first - day).days, (last - day).days + 1)
    # The generation that each publication read of each day of its window, and whether the day had other rows than now.
    generations, others = np.full(window.shape, -1), np.full(window.shape, fill_value=False)
    rows = reads["reader"].to_numpy()
    offsets = (days_of(reads) - window[rows, 0]).astype(np.int64)
    inside = (offsets >= 0) & (offsets < window.shape[1])
    cells = rows[inside], offsets[inside]
    generations[cells] = reads["generation"].to_numpy()[inside]
    others[cells] = _other_stamps(validity, spec.dataset, reads)[inside]
    valid, generations_now = _now(validity, spec.dataset, window)
    stale: np.ndarray = (valid & ((generations != generations_now) | others)).any(axis=1)
    return ~stale


def _now(validity: Validity, dataset: str, days: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return whether days of a published dataset are valid, and their generations, as `status` does."""
    import numpy as np

    valid, generations = validity.plain(dataset).holds(days), validity.generations(dataset, days)
    for day in np.unique(days[~valid]):
        status, same = validity.status(dataset, day.item()), days == day
        valid[same], generations[same] = status.valid, status.generation
    return valid, generations


def _other_stamps(validity: Validity, dataset: str, reads: "pa.Table") -> "np.ndarray":
    """Whether the stamp of each day that was read is known and is another one than the day's newest publication has."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    newest = validity.history(dataset).newest_columns
    if newest is None:
        return np.full(len(reads), fill_value=False)
    places = values_on(days_of(reads), days_of(newest), np.arange(len(newest)), -1)
    now = newest["stamp"].take(pa.array(places, mask=places < 0))
    known = pc.and_(pc.not_equal(reads["stamp"], ""), pc.not_equal(now, ""))
    others: np.ndarray = pc.fill_null(pc.and_(known, pc.not_equal(reads["stamp"], now)), fill_value=False).to_numpy()
    return others
