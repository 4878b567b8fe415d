"""The versions of a served dataset as its files tell, and the pointer that says which of them is active.

`<version>/plan.json` is written first and `<version>/manifest.json` last, so a version with a manifest is whole.
`pointer.json` is the only file that several processes replace; each replacement is one compare-and-swap.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from matinee.errors import CommitConflictError, VersionGoneError
from matinee.retries import again_where_lost, committed
from matinee.serving.files import Files, files_of
from matinee.serving.model import Gate, Manifest, Plan, from_json, to_json
from matinee.settings import Settings

POINTER = "pointer.json"
PLAN, MANIFEST, GATE, SAMPLE = "plan.json", "manifest.json", "gate.json", "sample.arrow"
#: So many activations are remembered.
REMEMBERED = 50
Act = Literal["activate", "rollback", "withdraw", "forget"]
State = Literal["building", "built", "refused", "passed", "active"]


@dataclass(frozen=True)
class Activation:
    """A change of the pointer; `reason` is that of a person who forced it, or of a withdrawal."""

    act: Act
    version: str
    key: date
    at: datetime
    who: str
    reason: str = ""
    before: str | None = None


@dataclass(frozen=True)
class Pointer:
    """Which version is active, and how that came.

    Attributes:
        active: the version; None: none is.
        key: its key.
        number: rises with each change of the file.
        withdrawn: why versions are withdrawn, by version.
        activations: the last changes, the newest last.
    """

    active: str | None = None
    key: date | None = None
    number: int = 0
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    activations: tuple[Activation, ...] = ()

    def moved(self, activation: Activation) -> "Pointer":
        """Return the pointer after an activation."""
        noted = (*self.activations, replace(activation, before=self.active))[-REMEMBERED:]
        return replace(self, active=activation.version, key=activation.key, activations=noted)

    @property
    def left(self) -> set[str]:
        """The versions that a rollback left, and that nobody has activated since."""
        left = set[str]()
        for activation in self.activations:
            left.discard(activation.version)
            if activation.act == "rollback" and activation.before:
                left.add(activation.before)
        return left


@dataclass(frozen=True)
class Versions:
    """The versions of a dataset."""

    dataset: str
    files: Files
    settings: Settings

    @classmethod
    def of(cls, settings: Settings, dataset: str) -> "Versions":
        """Return the versions of a dataset of a lake."""
        return cls(dataset, files_of(settings, dataset), settings)

    def names(self) -> list[str]:
        """Return the versions of which anything is there, sorted: by key, then by identity."""
        return sorted({name.partition("/")[0] for name in self.files.names() if "/" in name})

    def plan(self, version: str) -> Plan | None:
        """Return what a version was to be; None where nobody has begun it."""
        content = self.files.read(f"{version}/{PLAN}")
        return from_json(Plan, content[0], f"{self.dataset}/{version}/{PLAN}") if content else None

    def find(self, version: str) -> Manifest | None:
        """Return the manifest of a version; None where the version is not whole.

        Raises:
            UnreadableError: the manifest is damaged.
        """
        content = self.files.read(f"{version}/{MANIFEST}")
        return from_json(Manifest, content[0], f"{self.dataset}/{version}/{MANIFEST}") if content else None

    def manifest(self, version: str) -> Manifest:
        """Return the manifest of a version.

        Raises:
            VersionGoneError: the version is not whole, or was removed.
            UnreadableError: the manifest is damaged.
        """
        manifest = self.find(version)
        if manifest is None:
            raise VersionGoneError(
                f"{self.dataset} has no version {version}, or the version is not whole.",
                next_step=f"`matinee kv list {self.dataset}` shows the versions.",
                facts={"dataset": self.dataset, "version": version},
            )
        return manifest

    def active(self) -> Manifest | None:
        """Return the manifest of the active version; None where none is active, or it is gone.

        Raises:
            UnreadableError: the manifest or the pointer is damaged.
        """
        version = self.pointer().active
        return self.find(version) if version else None

    def gate(self, version: str) -> Gate | None:
        """Return how a version was judged; None where it was not."""
        content = self.files.read(f"{version}/{GATE}")
        return from_json(Gate, content[0], f"{self.dataset}/{version}/{GATE}") if content else None

    def put(self, version: str, name: str, value: object) -> None:
        """Write a file of a version."""
        self.files.write(f"{version}/{name}", to_json(value))

    def pointer(self) -> Pointer:
        """Return the pointer as it is now.

        Raises:
            UnreadableError: it is damaged.
        """
        return self._pointer()[0]

    def change(self, wanted: Callable[[Pointer], Pointer | None]) -> Pointer:
        """Change the pointer by compare-and-swap, and return it.

        Args:
            wanted: from the pointer as it is now, the pointer as it is to be; None: it stays. Where others are
                faster, it is called again.

        Raises:
            CommitConflictError: others were faster in every try.
        """

        def once() -> Pointer:
            before, tag = self._pointer()
            after = wanted(before)
            if after is None:
                return before
            after = replace(after, number=before.number + 1)
            with again_where_lost:
                if not self.files.swap(POINTER, to_json(after), tag):
                    raise lost
            return after

        lost = CommitConflictError(
            f"Others moved the pointer of {self.dataset} first, in every try.",
            next_step="Run again: the work starts from where the pointer is now.",
            facts={"dataset": self.dataset},
        )
        return committed(once, lost)

    def _pointer(self) -> tuple[Pointer, str | None]:
        content = self.files.read(POINTER)
        return (
            (from_json(Pointer, content[0], f"{self.dataset}/{POINTER}"), content[1]) if content else (Pointer(), None)
        )

    def state(self, version: str, pointer: Pointer) -> State:
        """Return how far a version is."""
        if version == pointer.active:
            return "active"
        if self.files.read(f"{version}/{MANIFEST}") is None:
            return "building"
        gate = self.gate(version)
        return "built" if gate is None else "passed" if gate.has_passed else "refused"
