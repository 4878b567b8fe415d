"""Replay: the lines of landing files as a producer would have sent them, in the order in which they were received."""

import heapq
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from matinee.stack.producer import Producer

TOPICS = ("impressions", "plays")
#: The key of all lines without a readable key.
NO_KEY = "unreadable"
#: The replay pauses once it is so many seconds ahead of the rate.
STEP_S = 0.1


def lines_in_order(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (topic, profile_id, line) of all landing files of a folder, by received time."""
    merged = heapq.merge(*(_lines(folder, topic) for topic in TOPICS))
    return ((topic, key, line) for _, topic, _, key, line in merged)


def _lines(folder: Path, topic: str) -> Iterator[tuple[str, str, int, str, str]]:
    received, number = "", 0
    for file in sorted(folder.glob(f"{topic}*")):
        for line in file.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n"):
            number += 1
            event = _event(line)
            # A broken line keeps its place in the file.
            received = max(received, str(event.get("received_ts", "")))
            yield received, topic, number, str(event.get("profile_id", NO_KEY)), line


def _event(line: str) -> dict[str, object]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def replay(producer: Producer, folder: Path, rate: float, tell: Callable[[int], None]) -> None:
    """Send the lines of a folder, `rate` lines a second; tell how many were sent so far."""
    began, sent = time.monotonic(), 0
    for topic, key, line in lines_in_order(folder):
        producer.send(topic, key, line)
        sent += 1
        ahead = sent / rate - (time.monotonic() - began)
        if ahead > STEP_S:
            producer.flush()
            tell(sent)
            time.sleep(ahead)
    producer.flush()
    tell(sent)
