"""What a source lists: content that is to be landed, known by its bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """Content that is to be landed, once whatever its name: a file, or lines of another source.

    Attributes:
        file: its path or URI; of other sources the name that its rows bear, such as the URL of a page.
        dataset: the dataset that it is for.
        is_named: the file was named itself, not found in a folder or by a pattern: it is never left for later.
        identity: changes whenever it is written or replaced, also by the same bytes; empty: only its bytes tell.
        content: NDJSON of another source; None for a file.
    """

    file: str
    dataset: str
    is_named: bool = True
    identity: str = ""
    content: bytes | None = None
