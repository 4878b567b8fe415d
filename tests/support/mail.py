"""Mail servers of tests on the loopback interface, with STARTTLS and a login as a real one asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from matinee.engine.server import free_port
from tests.support.certificates import Certificate

LOGIN, PASSWORD = "matinee", "s3cr3t"


@dataclass
class MailServer:
    """A server that runs.

    Attributes:
        letters: what the server took.
        recipients: of each letter.
        answers: what the server says to recipients, by address, and to the text of a letter, by `DATA`.
        is_answer_lost: whether the server takes the next letter and is gone before it says so.
    """

    port: int
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    is_answer_lost: bool = False

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802 - the library's
        """Take a recipient, or refuse as `answers` says."""
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's
        """Take a letter, or refuse as `answers` says."""
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        self.letters.append(cast("EmailMessage", message_from_bytes(envelope.content, policy=default)))
        self.recipients.append(list(envelope.rcpt_tos))
        if self.is_answer_lost:
            self.is_answer_lost = False
            server.transport.abort()
        return "250 OK"


@contextmanager
def mail_server(certificate: Certificate | None, *, is_tls_from_the_start: bool = False) -> Iterator[MailServer]:
    """Run a server for the length of a block; without a certificate it has neither TLS nor a login."""

    def check(_: SMTP, __: Session, ___: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        is_known = (data.login, data.password) == (LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=is_known, handled=False)

    ours = MailServer(free_port())
    guarded: dict[str, Any] = {}
    if certificate and is_tls_from_the_start:
        guarded = {"ssl_context": certificate.server}  # The library gives no login without STARTTLS.
    elif certificate:
        guarded = {"authenticator": check, "auth_required": True}
        guarded |= {"tls_context": certificate.server, "require_starttls": True}
    controller = Controller(ours, hostname="127.0.0.1", port=ours.port, **guarded)
    controller.start()
    try:
        yield ours
    finally:
        controller.stop()
