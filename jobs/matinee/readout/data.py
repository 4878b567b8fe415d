"""The documents beside this package: patterns, codes, names and words."""

from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent


def read(name: str) -> Any:  # noqa: ANN401 - a document
    """Return a document."""
    return yaml.safe_load((_FOLDER / name).read_text())


def names_in(folder: str) -> list[str]:
    """Return the documents of a folder, in order."""
    return sorted(str(file.relative_to(_FOLDER)) for file in (_FOLDER / folder).glob("*.yaml"))
