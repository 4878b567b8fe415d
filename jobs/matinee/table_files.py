"""Files of tables: which file, of which table and snapshot, an error is about.

PyIceberg and the engines name a file that they cannot open, and often not a file that they cannot understand.
"""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

_PLACE = re.compile(r".*/([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)/(metadata|data)/.+\.(avro|parquet|json)", re.DOTALL)
_IN_TEXT = re.compile(r"(?:file:|s3[an]?:/)?/[^\s'\"]+/(?:metadata|data)/[^\s'\"]+\.(?:avro|parquet|json)\b")
_OF_SNAPSHOT = re.compile(r"snap-(\d+)-")


@dataclass(frozen=True)
class TableFile:
    """A file below a table's location: `<namespace>/<table>/metadata/…` or `…/data/…`."""

    path: str
    snapshot_id: int | None = None

    @property
    def dataset(self) -> str:
        """The table that it belongs to."""
        place = _PLACE.fullmatch(self.path)
        return f"{place[1]}.{place[2]}" if place else ""

    def __str__(self) -> str:
        name = self.path.rpartition("/")[2]
        if name.endswith(".json"):
            return f"the metadata file of {self.dataset}"
        if not name.endswith(".avro"):
            return f"a data file of {self.dataset}"
        kind = "manifest list" if _OF_SNAPSHOT.match(name) else "manifest"
        of_snapshot = f" of snapshot {self.snapshot_id}" if self.snapshot_id is not None else ""
        return f"the {kind}{of_snapshot} of {self.dataset}"


def told_by(error: BaseException) -> TableFile | None:
    """Return the file of a table that an error is about, by what was read when it was raised, else by its text."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    reading = [frame for frame in reversed(frames) if str(frame.f_globals["__name__"]).startswith("pyiceberg.")]
    seen = [file for frame in reading for value in [*frame.f_locals.values()] for file in _files(value)]
    named = _IN_TEXT.search(str(error))
    paths = (path for path, _ in [*seen, (named[0] if named else "", None)] if _PLACE.fullmatch(path))
    path = next(paths, None)
    if path is None:
        return None
    own = _OF_SNAPSHOT.match(path.rpartition("/")[2])
    return TableFile(path, int(own[1]) if own else next((number for at, number in seen if at == path and number), None))


def _files(value: object) -> Iterator[tuple[str, int | None]]:
    """Yield the file that a value of PyIceberg stands for, with the snapshot that added it, where that is known."""
    module, kind = type(value).__module__, type(value).__name__
    if not module.startswith(("pyiceberg.", "matinee.table.")):
        return
    if kind == "ManifestFile":
        yield str(value.manifest_path), value.added_snapshot_id  # type: ignore[attr-defined]
    elif kind == "FileScanTask":
        yield str(value.file.file_path), None  # type: ignore[attr-defined]
    elif kind == "AvroFile":
        yield str(value.input_file.location), None  # type: ignore[attr-defined]
    elif kind.endswith(("InputFile", "PyArrowFile")):
        yield str(value.location), None  # type: ignore[attr-defined]
