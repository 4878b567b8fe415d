"""Events that the topic no longer has, from the landed table; a landing says up to which offsets the table has them."""

from dataclasses import dataclass

from matinee.landing import offsets
from matinee.serving.delta.store import Delta
from matinee.serving.impressions import Reader
from matinee.table.catalog import Lake


@dataclass(frozen=True)
class Landed:
    """Up to which offsets a table had the records of a topic, by partition; the topic's identity, empty: not known."""

    topic_id: str
    offsets: dict[int, int]


def bootstrap(lake: Lake, delta: Delta, reader: Reader) -> Landed | None:
    """Add the landed events of the delta's days; None: no stream has landed any yet.

    Events that the delta has change nothing.
    """
    dataset, day = reader.landed.dataset, reader.landed.day_column or ""
    table = lake.table(dataset) if lake.exists(dataset) else None
    last = offsets.last_in(table, dataset) if table is not None else None
    if table is None or last is None:
        return None
    wanted = f"{day} >= '{delta.state.first}'"
    for batch in table.scan(row_filter=wanted, selected_fields=reader.columns).to_arrow_batch_reader():
        delta.apply(list(reader.events_of(batch)), delta.state)
    through = {int(name.rpartition("/")[2]): until for name, until in last.through.items()}
    return Landed(last.topic_id, through)
