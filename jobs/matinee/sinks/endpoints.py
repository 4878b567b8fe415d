"""Where a channel sends to: an address that is encrypted, or on this machine, and how long the channel waits."""

import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from matinee.sinks.connections import Connection

_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True)
class Endpoint:
    """An address with what a connection to the address needs.

    Attributes:
        url: without a slash at the end; a webhook's path may be a secret.
        host: what messages name.
        timeout_s: seconds for the connection, and for each part of an answer.
        tls: verifies the server's certificate.
    """

    url: str = field(repr=False)
    host: str
    timeout_s: float
    tls: ssl.SSLContext = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the address is on this machine: no proxy stands between."""
        return is_loopback(self.host)


def endpoint_of(connection: Connection, default: str = "") -> Endpoint:
    """Return the address of a connection.

    Args:
        connection: its host is a name, or a URL with a path; as in Airflow's HTTP connection the schema may be the
            scheme.
        default: the address where the connection names no host.

    Raises:
        SettingsError: there is no host, the host is no address, or what is sent would not be encrypted.
    """
    url = _url(connection).rstrip("/") or default
    if not url:
        raise connection.wrong("has no host", "Name the host, for example https://:SECRET@example.com/path")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or parts.scheme not in _SCHEMES or any(letter.isspace() for letter in url):
        raise connection.wrong("has a host that is no address", "Write https://example.com/path as the host")
    if parts.scheme == "http" and not is_loopback(host):
        raise connection.wrong("would send secrets in the clear", "Write https:// before the host")
    return Endpoint(url, host, connection.timeout_s, tls_of(connection))


def _url(connection: Connection) -> str:
    if not connection.host:
        return ""
    port = f":{connection.port}" if connection.port else ""
    if "://" in connection.host:
        scheme, _, rest = connection.host.partition("://")
        name, slash, path = rest.partition("/")
        return f"{scheme}://{name}{port}{slash}{path}" + _path(connection.schema)
    named = [name for name in (connection.schema, connection.kind) if name in _SCHEMES]
    return f"{(named or ['https'])[0]}://{connection.host}{port}" + _path(connection.schema)


def _path(schema: str) -> str:
    return "" if schema in _SCHEMES or not schema else f"/{schema.lstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def tls_of(connection: Connection) -> ssl.SSLContext:
    """Return what verifies certificates: the machine's authorities, and those of `ca_file` in `extra`.

    Raises:
        SettingsError: the file cannot be read.
    """
    context = ssl.create_default_context()
    if "ca_file" not in connection.extra:
        return context
    path = connection.text("ca_file", "/etc/ssl/our-ca.pem")
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:  # Also ssl.SSLError.
        why = error.strerror if error.errno and not isinstance(error, ssl.SSLError) else "it holds no certificate"
        raise connection.wrong(f"names the ca_file {path}, which cannot be read: {why}", "Correct the path") from None
    return context
