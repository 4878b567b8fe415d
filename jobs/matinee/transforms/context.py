"""What a transform is, and what it is told besides its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame

from matinee.contracts.model import Contract
from matinee.days import MICROSECOND, micros_of
from matinee.settings import Engine


@dataclass(frozen=True)
class TransformContext:
    """The contract of the dataset that is derived, the days to derive, and how far its inputs are valid.

    Attributes:
        contract: columns, buckets and parameters are read from it and from nowhere else.
        first_day, last_day: the days that the result covers, both included.
        as_of: end of the last valid day of the input that is read ahead (an aware time); None when no day is valid.
        engine: what runs the frames; a transform may choose its plan by it, never its rows.
        previous: the key of the predecessor whose rows the run starts from; None: every row comes from the inputs. The
            transform then has the predecessor's rows as `previous`, and of each input `<alias>_gone` (rows that the
            predecessor had read and the run does not read) and `<alias>_came` (rows that it had not).
    """

    contract: Contract
    first_day: date
    last_day: date
    as_of: datetime | None = None
    engine: Engine = "spark"
    previous: date | None = None

    def micros(self, duration: str) -> int:
        """Return a duration in microseconds: a parameter's name or a literal, as `Contract.duration` takes it.

        Raises:
            UsageError: neither a parameter of the contract nor a duration.
        """
        return self.contract.duration(duration) // MICROSECOND

    @property
    def as_of_micros(self) -> int | None:
        """`as_of` in microseconds since 1970, UTC."""
        return None if self.as_of is None else micros_of(self.as_of)


#: From frames, by the alias of each input in the contract and cut to the days it reads, to the contract's columns.
Transform = Callable[[Mapping[str, DataFrame], TransformContext], DataFrame]

#: The transforms that `by_profile` marks.
BY_PROFILE = set[Transform]()


def by_profile(transform: Transform) -> Transform:
    """Mark a transform whose every row comes from rows of one profile, and of the days that the contract reads.

    Such a transform may be derived cell by cell.
    """
    BY_PROFILE.add(transform)
    return transform
