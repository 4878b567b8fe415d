"""Folders of landing files, for tests of what is found there and how it is read."""

from pathlib import Path

NAMED = {"impressions": "raw.impressions", "plays": "raw.plays", "manifest": "ops.manifests"}
TWO_LINES = b'{"a":1}\n{"a":2}\n'


def folder(tmp_path: Path, *names: str) -> Path:
    """Fill a folder with files of two lines each."""
    for name in names:
        (tmp_path / name).write_bytes(TWO_LINES)
    return tmp_path
