"""Letters by SMTP, over TLS, with a login.

Port 465 speaks TLS from the start; on any other port STARTTLS comes before the login. A relay on this machine may do
without TLS where the connection says `disable_tls`.
"""

import logging
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from matinee.sinks.connections import Connection
from matinee.sinks.email.letters import letter, thread_of
from matinee.sinks.endpoints import is_loopback, tls_of
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.message import Message
from matinee.sinks.posts import silent, unavailable

_KINDS = frozenset({"smtp", "email"})
_PORT = 587
_ADDRESS = re.compile(r"[^@\s,;<>()\"\\]+@[^@\s,;<>()\"\\]+")
_NO_MORE = "Check user, password, from_email and to of the mail connection, and what the mail server's log says."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Email:
    """Sends letters through one mail server.

    Attributes:
        tls: verifies the server's certificate; None for a relay on this machine without TLS.
        tls_port: the port on which TLS starts with the connection.
    """

    host: str
    port: int
    login: str
    password: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    timeout_s: float
    tls: ssl.SSLContext | None = field(repr=False)
    tls_port: int = 465

    def send(self, message: Message, told: str | None) -> str | None:
        """Send a letter; a letter that is sent again has the same Message-ID."""
        mail = letter(message, self.sender, self.recipients, told)
        with _errors_of(self.host), self._server() as server:
            if self.login:
                server.login(self.login, self.password)
            refused = server.send_message(mail, self.sender, self.recipients)
        if refused:  # Others have the letter: an error would send it to them again.
            _log.warning("%s refuses the recipients %s.", self.host, ", ".join(sorted(refused)))
        return thread_of(mail, told)

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        # Without a name of our own smtplib asks DNS for the machine's name, which may take long.
        own_name = self.sender.rpartition("@")[2]
        starts_with_tls = self.port == self.tls_port
        if self.tls and starts_with_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, own_name, timeout=self.timeout_s, context=self.tls
            )
        else:
            server = smtplib.SMTP(self.host, self.port, own_name, timeout=self.timeout_s)
        with server:
            if self.tls and not starts_with_tls:
                server.starttls(context=self.tls)
            yield server


@contextmanager
def _errors_of(host: str) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _answered(host, min(codes), "refuses all recipients") from None
    except smtplib.SMTPResponseException as error:
        raise _answered(host, error.smtp_code, "refuses the letter") from None
    except smtplib.SMTPNotSupportedError as error:
        raise ChannelRefusedError(
            f"The mail server {host} lacks what is needed: {error}.",
            next_step="Use the port of the server that has STARTTLS and a login, mostly 587.",
            facts={"host": host},
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise silent(host, error) from error


def _answered(host: str, code: int, what: str) -> ChannelUnavailableError | ChannelRefusedError:
    if code < 500:
        return unavailable(host, f"{what} for now: {code}", None)
    return ChannelRefusedError(f"{host} {what}: {code}.", next_step=_NO_MORE, facts={"host": host, "code": code})


def open_email(connection: Connection) -> Email:
    """Return the channel of a connection; `extra` names `from_email` and `to`.

    Raises:
        SettingsError: the connection is not one of a mail server.
    """
    connection.must_be(_KINDS)
    if not connection.host:
        raise connection.wrong("has no host", "Name the mail server: smtp://USER:PASSWORD@mail.example.com:587/")
    if bool(connection.login) != bool(connection.password):
        raise connection.wrong("has a user or a password without the other", "Give both, or none")
    senders = _addresses(connection, "from_email", connection.extra)
    if len(senders) != 1:
        raise connection.wrong("has several addresses as from_email", "Name one sender")
    is_plain = connection.is_set("disable_tls")
    if is_plain and not (is_loopback(connection.host) and not connection.password):
        raise connection.wrong(
            "switches TLS off", "Remove disable_tls: only a relay on this machine without a login may do without TLS"
        )
    return Email(
        host=connection.host,
        port=connection.port or _PORT,
        login=connection.login,
        password=connection.password,
        sender=senders[0],
        recipients=_addresses(connection, "to", connection.extra),
        timeout_s=connection.timeout_s,
        tls=None if is_plain else tls_of(connection),
    )


def _addresses(connection: Connection, name: str, extra: Mapping[str, object]) -> tuple[str, ...]:
    given = extra.get(name)
    listed = given if isinstance(given, list) else connection.text(name, "ops@example.com").split(",")
    addresses = tuple(str(address).strip() for address in listed)
    if not addresses or not all(map(_ADDRESS.fullmatch, addresses)):
        raise connection.wrong(f"has a '{name}' in its extra that is no e-mail address", "Write ops@example.com")
    return addresses
