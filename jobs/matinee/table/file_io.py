"""PyIceberg's files, by the path that a location spells.

PyIceberg takes a location for a URI and cuts off what follows `#` or `?`; Spark takes the same text for a path. Here,
too, every character stands for itself: a lake may lie in any folder.
"""

from typing import TYPE_CHECKING

from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class FileIO(PyArrowFileIO):
    """Files of disks and object stores."""

    @staticmethod
    def parse_location(location: str, properties: Properties = EMPTY_DICT) -> tuple[str, str, str]:
        """Return the scheme, the host or bucket, and the path as PyArrow wants it: with the bucket."""
        scheme, named, rest = location.partition(":")
        if not named or "/" in scheme or scheme in ("hdfs", "viewfs"):
            return PyArrowFileIO.parse_location(location, properties)
        if scheme == "file":  # Written file:/x by Hadoop, file:///x by PyIceberg.
            return scheme, "", f"/{rest.lstrip('/')}"
        path = rest.removeprefix("//")
        return scheme, path.partition("/")[0], path


def filesystem_of(location: str, properties: Properties) -> tuple["FileSystem", str]:
    """Return PyArrow's file system for a location, and the path in it."""
    io = FileIO(properties)
    scheme, host, path = io.parse_location(location, properties)
    return io.fs_by_scheme(scheme, host), path
