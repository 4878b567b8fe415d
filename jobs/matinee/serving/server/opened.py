"""The versions that a server has open: a new one is opened beside the old, and takes its place between two calls."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from matinee.errors import MatineeError, ServiceUnavailableError
from matinee.foreign import translated
from matinee.private import private_folder
from matinee.serving.model import Manifest
from matinee.serving.stores.choice import store_of
from matinee.serving.stores.protocol import Database
from matinee.serving.translation import version_message
from matinee.serving.versions import Pointer, Versions

log = logging.getLogger(__name__)
#: A version that could not be opened is tried again so much later at first, and each time twice as late.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass
class Opened:
    """A version that is open; the last call that reads it after the swap closes it."""

    manifest: Manifest
    database: Database
    folder: Path
    told: Any
    _calls: int = 0
    _is_over: bool = False
    _lock: Lock = field(default_factory=Lock)

    def begin(self) -> bool:
        """Count a call; return False where the version is closed already."""
        with self._lock:
            if self._is_over and self._calls == 0:
                return False
            self._calls += 1
            return True

    def end(self) -> None:
        """Uncount a call."""
        with self._lock:
            self._calls -= 1
            is_last = self._is_over and self._calls == 0
        if is_last:
            self._close()

    def retire(self) -> None:
        """Close the version once no call reads it."""
        with self._lock:
            self._is_over = True
            is_idle = self._calls == 0
        if is_idle:
            self._close()

    def _close(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Dataset:
    """A served dataset: its open version follows the pointer."""

    def __init__(self, versions: Versions, folder: Path) -> None:
        """Take the versions, and a folder of this process that holds their databases."""
        self.versions = versions
        self.problem: MatineeError | None = None
        self._folder = folder
        self._pointer: Pointer | None = None
        self._opened: Opened | None = None
        self._number = 0
        self._pause_s, self._again_at = FIRST_PAUSE_S, 0.0

    @property
    def name(self) -> str:
        """The dataset."""
        return self.versions.dataset

    @property
    def opened(self) -> Opened | None:
        """The open version; None where there is none yet."""
        return self._opened

    @contextmanager
    def reading(self) -> Iterator[Opened]:
        """Yield the open version for one call.

        Raises:
            ServiceUnavailableError: no version is open.
        """
        opened = self._opened
        while opened is not None and not opened.begin():
            opened = self._opened
        if opened is None:
            why = self.problem
            raise ServiceUnavailableError(
                f"{self.name} has no active version{f': {why.message}' if why else '.'}",
                next_step=why.next_step if why else f"`matinee kv build {self.name} --activate` makes one.",
                facts={"dataset": self.name},
            )
        try:
            yield opened
        finally:
            opened.end()

    def follow(self) -> bool:
        """Open what the pointer names, if that is another version; return whether a version was swapped.

        Where the version cannot be opened, the old version stays, `problem` says why, and the next tries are later and
        later: each may fetch all files of the version.
        """
        if monotonic() < self._again_at:
            return False
        try:
            pointer = self.versions.pointer()
            if self._pointer is not None and pointer.number == self._pointer.number:
                return False
            is_swapped = self._swap(pointer)
        except Exception as error:  # noqa: BLE001 - the version that is open goes on
            problem = translated(error)
            if self.problem is None or str(problem) != str(self.problem):
                log.error("%s: %s", self.name, problem)
            self.problem = problem
            self._again_at = monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self._pointer, self.problem, self._pause_s = pointer, None, FIRST_PAUSE_S
        return is_swapped

    def _swap(self, pointer: Pointer) -> bool:
        before = self._opened
        if pointer.active is None:
            self._opened = None
        else:
            manifest = self.versions.manifest(pointer.active)
            told = version_message(manifest, pointer.withdrawn.get(pointer.active, ""))
            if before is not None and before.manifest == manifest:
                before.told = told
                return False
            self._opened = self._open(manifest, told)
        if before is not None:
            before.retire()
        return before is not self._opened

    def _open(self, manifest: Manifest, told: Any) -> Opened:  # noqa: ANN401 - a message
        self._number += 1
        folder = private_folder(self._folder / f"{self.name}-{self._number}")
        try:
            database = store_of(self.versions, manifest.plan.store).open(manifest, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        log.info("%s serves %s: %d keys", self.name, manifest.version, manifest.keys)
        return Opened(manifest, database, folder, told)

    def close(self) -> None:
        """Close the open version once no call reads it."""
        if self._opened is not None:
            self._opened.retire()
        self._opened = None


@dataclass(frozen=True)
class Datasets:
    """All datasets of a server, by name."""

    by_name: dict[str, Dataset]

    @classmethod
    def of(cls, every: Sequence[Versions], folder: Path) -> "Datasets":
        """Return the datasets of some versions; databases lie in a folder."""
        return cls({versions.dataset: Dataset(versions, folder) for versions in every})

    def follow(self, swapped: Callable[[Dataset], None]) -> None:
        """Let each dataset follow its pointer; tell of those that swapped."""
        for dataset in self.by_name.values():
            if dataset.follow():
                swapped(dataset)

    def close(self) -> None:
        """Close all."""
        for dataset in self.by_name.values():
            dataset.close()
