"""How a message reads."""

from matinee.sinks.message import Message


def one_line(text: str, longest: int) -> str:
    """Return a text on one line, cut to so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def heading(message: Message, longest: int = 250) -> str:
    """Return the line by which an incident is known."""
    return one_line(f"[{message.severity}] {message.title}", longest)


def state(message: Message) -> str:
    """Return what happened to the incident, when, and how often its cause was seen."""
    times = "once" if message.count == 1 else f"{message.count} times"
    opened = f"{message.opened_at:%Y-%m-%d %H:%M} UTC"
    return f"{message.event.capitalize()} at {message.at:%Y-%m-%d %H:%M} UTC. Seen {times} since {opened}."


def facts(message: Message) -> list[tuple[str, str]]:
    """Return what a reader must know, each with its name."""
    named = [
        ("Cause", message.cause),
        ("Next", message.next_step),
        ("Runbook", message.runbook or ""),
        ("Page", message.link or ""),
        ("Incident", message.incident_id),
    ]
    return [(name, one_line(value, 2000)) for name, value in named if value]


def body(message: Message) -> str:
    """Return the whole message as plain text."""
    lines = [heading(message), "", state(message), ""]
    lines += [f"{name}: {value}" for name, value in facts(message)]
    if message.details:
        lines += ["", "Details:", *(f"  {one_line(line, 900)}" for line in message.details)]
    return "\n".join(lines) + "\n"
