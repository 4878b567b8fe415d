"""The dead-man ping: whoever watches the watcher raises an alarm where it stays away."""

from datetime import datetime
from pathlib import Path
from urllib.request import Request, urlopen

from matinee.errors import MatineeError
from matinee.foreign import translated
from matinee.private import private_folder, write_private

WITHIN_S = 10.0


def ping(target: str, at: datetime) -> MatineeError | None:
    """Call a URL, or write the time of the look to a file; return why that failed."""
    try:
        if target.startswith(("http://", "https://")):
            request = Request(target, headers={"User-Agent": "matinee-alerts"})  # noqa: S310 - http alone
            with urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310 - http alone
                answer.read(1)
        else:
            file = Path(target)
            private_folder(file.parent)
            write_private(file, at.isoformat())
    except Exception as error:  # noqa: BLE001 - whatever fails, the watcher goes on
        return translated(error)
    return None
