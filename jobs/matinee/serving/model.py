"""Versions of served datasets: what a version was built from, what it holds, and how its gate judged it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from matinee.errors import UnreadableError
from matinee.report import Verdict
from matinee.serving.keys import FORM, Key
from matinee.serving.values import Field, Value

T = TypeVar("T")


@dataclass(frozen=True)
class ServedDay:
    """A day of a version: the publication that wrote its rows, its generation, and the stamp where it is known."""

    publication_id: str
    generation: int
    stamp: str | None


@dataclass(frozen=True)
class Source:
    """The published rows that a version is built from.

    Attributes:
        dataset: what is served.
        key: the newest day; it orders the versions of a dataset.
        first: the first day.
        snapshot_id: where the rows are read.
        rows: how many there are, as the table's metadata says.
        days: the publication of each day.
        vtts: until when the dataset could be trusted.
        contract_version: of the contract.
    """

    dataset: str
    key: date
    first: date
    snapshot_id: int
    rows: int
    days: Mapping[date, ServedDay]
    vtts: datetime | None
    contract_version: str


@dataclass(frozen=True)
class Plan:
    """What a version is to be: recorded before the first shard, so that a build that was cut off goes on.

    `bounds` are the first keys, in hexadecimal digits, of all shards but the first. The identity of a version is a
    hash of what decides its entries: the same rows under the same declaration are the same version.
    """

    version: str
    source: Source
    store: str
    key: Key
    fields: tuple[Field, ...]
    bounds: tuple[str, ...]
    form: int = FORM

    @cached_property
    def value(self) -> Value:
        """The message of the values."""
        return Value(self.source.dataset, self.fields)

    @cached_property
    def cuts(self) -> list[bytes]:
        """The bounds as bytes."""
        return list(map(bytes.fromhex, self.bounds))


@dataclass(frozen=True)
class Shard:
    """A part of a version, by key; `first` and `last` are keys in hexadecimal digits.

    `total` is the order-free hash of the entries: the sum of their hashes, 16 hexadecimal digits. `file` and `sha256`
    are empty where the store keeps no file.
    """

    number: int
    keys: int
    first: str
    last: str
    total: str
    file: str = ""
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Manifest:
    """A version that is written whole.

    Attributes:
        plan: what it was to be.
        shards: its parts, in the order of their keys; a part without entries is left out.
        rows: how many rows the engine read.
        total: the order-free hash of the entries, as the engine made them from the rows.
        built: when.
        code_version: of the code that built it.
        revision: rises when entries are forgotten.
    """

    plan: Plan
    shards: tuple[Shard, ...]
    rows: int
    total: str
    built: datetime
    code_version: str
    revision: int = 0

    @property
    def version(self) -> str:
        """The identity of the version."""
        return self.plan.version

    @property
    def keys(self) -> int:
        """How many entries it has."""
        return sum(shard.keys for shard in self.shards)

    @property
    def bytes(self) -> int:
        """How large its files are."""
        return sum(shard.bytes for shard in self.shards)


@dataclass(frozen=True)
class Gate:
    """How a version was judged: a verdict for each check, and the version that it was compared with."""

    verdicts: tuple[Verdict, ...]
    compared_with: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def has_passed(self) -> bool:
        """Whether the version may be activated."""
        return not any(verdict.blocks for verdict in self.verdicts)


def to_json(value: object) -> bytes:
    """Return a value of this module as JSON."""
    adapter: TypeAdapter[object] = TypeAdapter(type(value))
    return adapter.dump_json(value, indent=1)


def from_json(kind: type[T], content: bytes, at: str) -> T:
    """Read what `to_json` wrote.

    Raises:
        UnreadableError: it is damaged, or of another form.
    """
    try:
        value: T = TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        raise UnreadableError(
            f"{at} is damaged, or was written by another version of Matinee.",
            next_step="Build the version again; `matinee kv rollback` serves an earlier version meanwhile.",
            facts={"file": at, "error": str(error)[:500]},
        ) from error
    return value
