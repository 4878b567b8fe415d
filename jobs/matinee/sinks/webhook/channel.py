"""A signed POST for each message.

The receiver computes HMAC-SHA256 over `<Matinee-Timestamp>.<body>` with the shared secret, compares the result with
`Matinee-Signature`, refuses old timestamps, and takes each `Idempotency-Key` once.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from matinee.sinks.connections import Connection
from matinee.sinks.endpoints import Endpoint, endpoint_of
from matinee.sinks.message import Message
from matinee.sinks.posts import posted

_KINDS = frozenset({"http", "https", "webhook"})
_SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Webhook:
    """Sends messages to one address.

    Attributes:
        endpoint: where to.
        secret: what receiver and sender share.
        clock: the seconds of the time at which a request is signed: a receiver refuses old requests, so the time of
            the message would not do for a message that waited.
    """

    endpoint: Endpoint
    secret: bytes = field(repr=False)
    clock: Callable[[], float] = field(repr=False)

    def send(self, message: Message, told: str | None) -> str | None:
        """Send a message; the same body and the same key at each try."""
        content = json.dumps(
            asdict(message), default=datetime.isoformat, sort_keys=True, separators=(",", ":")
        ).encode()
        timestamp = str(int(self.clock()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            "Matinee-Timestamp": timestamp,
            "Matinee-Signature": f"sha256={signature(self.secret, timestamp, content)}",
        }
        posted(self.endpoint, content, headers, "Check the address and the secret of the webhook's connection.")
        return None


def signature(secret: bytes, timestamp: str, content: bytes) -> str:
    """Return the signature of a request, in hexadecimal digits."""
    return hmac.new(secret, timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()


def open_webhook(connection: Connection, clock: Callable[[], float]) -> Webhook:
    """Return the channel of a connection: the host is the address, the password the shared secret.

    Raises:
        SettingsError: the connection is not one of a webhook.
    """
    connection.must_be(_KINDS)
    endpoint = endpoint_of(connection)
    if len(connection.password) < _SHORTEST_SECRET:
        what = "is too short" if connection.password else "is missing"
        next_step = f"Give a shared secret of {_SHORTEST_SECRET} characters or more as the password"
        raise connection.wrong(f"has no secret that signs: it {what}", next_step)
    return Webhook(endpoint, connection.password.encode(), clock)
