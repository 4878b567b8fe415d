"""What an outside system is for landing: a source is polled, and yields batches; each has an identity and rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pyspark.sql import DataFrame, SparkSession

from matinee.sources.found import Found
from matinee.table.leases.lease import Lease


@dataclass(frozen=True)
class Records:
    """The records that topics hold by now. The engine reads them in micro-batches; their offsets are their identity.

    A process beside the engine lands them, so all of it can be pickled.

    Attributes:
        datasets: the raw datasets that they are landed for, by topic.
        rows: returns a stream: topic, file (`topic/partition`), line (the offset), payload, landed_ts.
        identities: returns the identity of each topic by its name, where the system tells one.
    """

    datasets: Mapping[str, str]
    rows: Callable[[SparkSession], DataFrame]
    identities: Callable[[], Mapping[str, str]]


#: What is landed together: files or pages of any datasets, or the records of topics.
Batch: TypeAlias = Sequence[Found] | Records


class Source(Protocol):
    """An outside system that events come from."""

    def poll(self, lease: Lease) -> Iterator[Batch]:
        """Yield what is there by now, oldest first. Content that comes again is not landed again.

        A batch is landed before the next batch is asked for: a source that confirms what it gave does so then.

        Args:
            lease: of the process that polls; the batches are landed in its lake.
        """
