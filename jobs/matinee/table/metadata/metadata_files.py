"""Metadata files of a table, found below its location without its catalog.

Each commit writes a file `<version>-<uuid>.metadata.json`, one version above the file that it replaces, and the catalog
then moves its pointer there. A file that lost that race, or whose writer died before it, stays beside the others: the
catalog never pointed to it, and no later file builds on it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from matinee.table.catalog import catalog_errors
from matinee.table.location import is_below

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table.metadata import TableMetadata

_NAME = re.compile(r"(\d+)-.+\.metadata\.json")


@dataclass(frozen=True)
class MetadataFile:
    """A metadata file: where it lies, and its content."""

    path: str
    metadata: "TableMetadata"

    @property
    def name(self) -> str:
        """The file's name: unique, however the path is written."""
        return name_of(self.path)


def name_of(path: str) -> str:
    """Return the file name in a path."""
    return path.rpartition("/")[2]


def version_of(path: str) -> int:
    """Return the version in the name of a metadata file; -1 for any other name."""
    match = _NAME.fullmatch(name_of(path))
    return int(match[1]) if match else -1


def newest(
    catalog: "Catalog", location: str, accept: Callable[[MetadataFile], bool] = lambda _: True
) -> list[MetadataFile]:
    """Return the metadata files of the highest version below a location; more than one where writers raced.

    Args:
        catalog: says how its storage is reached; its tables are not asked for.
        location: of the table; files that were copied there from another location are passed over.
        accept: which of the files count.

    Raises:
        CatalogUnavailableError: the storage does not answer.
    """
    paths = sorted(_paths(catalog, location), key=version_of, reverse=True)
    for _, same in groupby(paths, key=version_of):
        contents = ((path, read_metadata(catalog, path)) for path in same)
        read = (MetadataFile(path, content) for path, content in contents if content is not None)
        here = (file for file in read if is_below(file.metadata.location, location, links=False))
        if accepted := [file for file in here if accept(file)]:
            return accepted
    return []


def read_metadata(catalog: "Catalog", path: str) -> "TableMetadata | None":
    """Return the content of a metadata file; None for a file that was written only in part: no catalog points to it."""
    from pyiceberg.exceptions import ValidationError
    from pyiceberg.io import load_file_io
    from pyiceberg.serializers import FromInputFile

    with catalog_errors():
        file = load_file_io(properties=catalog.properties, location=path).new_input(path)
        try:
            return FromInputFile.table_metadata(file)
        except (ValidationError, ValueError):  # Cut off between two values, or within a character.
            return None


def _paths(catalog: "Catalog", location: str) -> list[str]:
    from pyarrow.fs import FileSelector

    from matinee.table.file_io import filesystem_of

    folder = f"{location.rstrip('/')}/metadata"
    with catalog_errors():
        files, path = filesystem_of(folder, catalog.properties)
        listed = files.get_file_info(FileSelector(path, allow_not_found=True))
    return [f"{folder}/{file.base_name}" for file in listed if version_of(file.base_name) >= 0]
