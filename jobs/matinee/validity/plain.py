"""Plain days: days that columns and counts show to be valid, nearly all of a long history; no publication is read.

A day that is not plain may still be valid: `validity.validity` judges it, and says why where it is not.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.ledger.columns import days_of, reads_of
from matinee.ledger.model import State
from matinee.validity.day_set import DaySet
from matinee.validity.look import Look

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def plain_days(look: Look, contract: Contract, plain: Callable[[str], DaySet]) -> DaySet:
    """Return the plain days of a dataset, of the days that it owes.

    Args:
        look: a look at the lake.
        contract: of the dataset.
        plain: the plain days of an input.
    """
    import numpy as np

    if look.valid_from is None:
        return DaySet()
    first = np.datetime64(max(look.valid_from, look.begin(contract.dataset)), "D")
    if contract.transform is None:
        days = _landed(look, contract)
        return DaySet(days[days >= first])
    newest = look.history(contract.dataset).newest_columns
    if newest is None:
        return DaySet()
    days = days_of(newest)
    is_plain = (days >= first) & _published(newest) & ~newest["blocked"].to_numpy() & _holds(look, contract, newest)
    outside = look.outside(contract.dataset)
    if outside:
        is_plain &= ~DaySet.of(outside).holds(days)
    for spec in contract.inputs:
        is_plain &= _reads_plain(look, newest, spec.dataset, plain(spec.dataset))
    return DaySet(days[is_plain])


def _landed(look: Look, contract: Contract) -> "np.ndarray":
    """Return the published days of a raw dataset of which enough rows have landed."""
    import numpy as np

    seen, complete = DaySet().days, DaySet().days
    for reader in look.readers(contract.dataset):
        newest = look.history(reader.dataset).newest_columns
        if newest is None:
            continue
        published = newest.select(["day", "rows_in"]).filter(_published(newest))
        days = days_of(published)
        rows, declared = look.landed_rows(contract.dataset, days), look.manifests.rows_of(contract.dataset, days)
        read, needed = published["rows_in"].to_numpy(), contract.completeness_share * declared
        enough = np.where(np.isnan(declared), rows >= read, (rows >= needed) & (declared >= 0))
        # Of several readers the first that has published a day decides how many rows the day needs.
        complete = np.append(complete, days[enough & ~DaySet(seen).holds(days)])
        seen = np.append(seen, days)
    return complete


def _holds(look: Look, contract: Contract, newest: "pa.Table") -> "np.ndarray":
    """Whether publications hold enough rows of the landed days that they were made from."""
    import numpy as np

    source, days = look.lake.registry.get(contract.inputs[0].dataset), days_of(newest)
    if source.transform is not None:
        return np.full(len(days), fill_value=True)
    read = newest["rows_in"].to_numpy()
    needed = source.completeness_share * look.manifests.rows_of(source.dataset, days)
    landed, dropped = look.landed_rows(source.dataset, days), days < np.datetime64(look.begin(source.dataset), "D")
    holds: np.ndarray = dropped | ~((landed < read) | (read < needed))
    return holds


def _reads_plain(look: Look, newest: "pa.Table", dataset: str, plain: DaySet) -> "np.ndarray":
    """Whether all days of an input that publications read are plain, and of the generation that they read."""
    import numpy as np

    reads = reads_of(newest, dataset, "generation")
    days = days_of(reads)
    good = plain.holds(days)
    if look.lake.registry.get(dataset).transform is not None:
        good &= look.generations(dataset, days) == reads["generation"].to_numpy()
    all_plain = np.full(len(newest), fill_value=True)
    all_plain[reads["reader"].to_numpy()[~good]] = False
    return all_plain


def _published(newest: "pa.Table") -> "np.ndarray":
    import pyarrow.compute as pc

    is_published: np.ndarray = pc.equal(newest["state"], State.PUBLISHED).to_numpy()
    return is_published
