"""Tokens of pages: each is of one version and one question, and says what the page before ended with."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from matinee.errors import UsageError, VersionGoneError
from matinee.serving.model import Manifest


@dataclass(frozen=True)
class Page:
    """A page of an answer: `asked` is what was asked for, `last` is what the page ends with."""

    manifest: Manifest
    asked: bytes
    last: bytes

    def token(self) -> str:
        """Return the token by which the next page is asked for."""
        told = [self.manifest.version, self.manifest.revision, _digest(self.asked), self.last.hex()]
        return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()

    @staticmethod
    def last_of(token: str, manifest: Manifest, asked: bytes) -> bytes | None:
        """Return what the page before ended with; None: the token is empty, so there is no page before.

        Raises:
            UsageError: the token was not given by the service, or for another question.
            VersionGoneError: the token is of a version that is not active any more.
        """
        if not token:
            return None
        try:
            version, revision, digest, last = json.loads(base64.urlsafe_b64decode(token.encode()))
            content = bytes.fromhex(last)
        except (binascii.Error, ValueError, TypeError) as error:
            raise UsageError("The page token is none of this service.", next_step="Begin the scan again.") from error
        if (version, revision) != (manifest.version, manifest.revision):
            raise VersionGoneError(
                f"The page token is of version {version}, and {manifest.version} is active now.",
                next_step="Begin the scan again, without a page token: its pages are of one version.",
                facts={"version": version, "active": manifest.version},
            )
        if digest != _digest(asked):
            raise UsageError("The page token is of another prefix.", next_step="Begin the scan again.")
        return content


def _digest(asked: bytes) -> str:
    return hashlib.sha256(asked).hexdigest()[:16]
