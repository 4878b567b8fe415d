"""Tokens of pages: each is of one version and one prefix, and says which key the page before ended with."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from matinee.errors import UsageError, VersionGoneError
from matinee.serving.model import Manifest


@dataclass(frozen=True)
class Page:
    """A page of a scan, which ends with a key."""

    manifest: Manifest
    prefix: bytes
    last: bytes

    def token(self) -> str:
        """Return the token by which the next page is asked for."""
        told = [self.manifest.version, self.manifest.revision, _digest(self.prefix), self.last.hex()]
        return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()

    @staticmethod
    def start(token: str, manifest: Manifest, prefix: bytes) -> bytes:
        """Return the first key that a page may begin with.

        Raises:
            UsageError: the token was not given by the service, or for another prefix.
            VersionGoneError: the token is of a version that is not active any more.
        """
        if not token:
            return prefix
        try:
            version, revision, digest, last = json.loads(base64.urlsafe_b64decode(token.encode()))
            start = bytes.fromhex(last) + b"\x00"
        except (binascii.Error, ValueError, TypeError) as error:
            raise UsageError("The page token is none of this service.", next_step="Begin the scan again.") from error
        if (version, revision) != (manifest.version, manifest.revision):
            raise VersionGoneError(
                f"The page token is of version {version}, and {manifest.version} is active now.",
                next_step="Begin the scan again, without a page token: its pages are of one version.",
                facts={"version": version, "active": manifest.version},
            )
        if digest != _digest(prefix) or not start.startswith(prefix):
            raise UsageError("The page token is of another prefix.", next_step="Begin the scan again.")
        return start


def _digest(prefix: bytes) -> str:
    return hashlib.sha256(prefix).hexdigest()[:16]
