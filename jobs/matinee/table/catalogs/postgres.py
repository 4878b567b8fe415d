"""The catalog in PostgreSQL: one address, read as libpq reads it, for PyIceberg and for Spark's driver."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from matinee.errors import SettingsError

#: What libpq names an option, and its variable of the environment; what Spark's driver names the option.
_OPTIONS = {
    "user": ("PGUSER", "user"),
    "password": ("PGPASSWORD", "password"),
    "options": ("PGOPTIONS", "options"),
    "sslmode": ("PGSSLMODE", "sslmode"),
    "sslrootcert": ("PGSSLROOTCERT", "sslrootcert"),
    "gssencmode": ("PGGSSENCMODE", "gssEncMode"),
    "channel_binding": ("PGCHANNELBINDING", "channelBinding"),
    "connect_timeout": ("PGCONNECT_TIMEOUT", "connectTimeout"),
    "application_name": ("PGAPPNAME", "ApplicationName"),
}
#: Seconds to wait for a server, where neither the URI nor libpq's variable says how long.
CONNECT_TIMEOUT = "30"
_PLACE = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE"}
#: They neither choose a database nor protect the connection; Spark's driver has its own.
_LIBPQ_ONLY = {"client_encoding", "fallback_application_name", "sslcompression", "sslsni", "tcp_user_timeout"}
_LIBPQ_ONLY |= {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}


def address(uri: str) -> str:
    """Return the URL with which SQLAlchemy gives libpq each option of a PostgreSQL URI as it stands there.

    Raises:
        SettingsError: libpq cannot read the URI.
    """
    from sqlalchemy.engine import URL

    # libpq alone waits for ever for a server that takes the connection and says nothing.
    parts = {"connect_timeout": os.environ.get("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT)} | _parts(uri)
    user, password, database = (parts.pop(name, None) for name in ("user", "password", "dbname"))
    url = URL.create("postgresql+psycopg2", username=user, password=password, database=database, query=parts)
    return url.render_as_string(hide_password=False)


def jdbc(uri: str) -> tuple[str, dict[str, str]]:
    """Return the JDBC URL of the same database, and the properties of a connection.

    Raises:
        SettingsError: libpq cannot read the URI, or Spark's driver has no equal of what the URI says.
    """
    parts = _parts(uri)
    if lacking := sorted(parts.keys() - _PLACE.keys() - _OPTIONS.keys() - _LIBPQ_ONLY):
        raise _unlike(f"no option {', '.join(lacking)}", "Take it out of MATINEE_CATALOG_URI.")
    known = {name: variable for name, (variable, _) in _OPTIONS.items()} | _PLACE
    given = {name: value for name, variable in known.items() if (value := parts.get(name) or os.environ.get(variable))}
    if given.get("sslrootcert") == "system":
        raise _unlike("no `sslrootcert=system`", "Name the file of the authority's certificate there.")
    if "sslrootcert" in given:  # The engine works in another folder.
        given["sslrootcert"] = str(Path(given["sslrootcert"]).absolute())
    hosts, database = _hosts(given), given.get("dbname") or given.get("user", "")
    properties = {theirs: given[name] for name, (_, theirs) in _OPTIONS.items() if name in given}
    return f"jdbc:postgresql://{hosts}/{quote(database, safe='')}", properties


def _hosts(given: Mapping[str, str]) -> str:
    hosts = given.get("host", "localhost").split(",")
    ports = given.get("port", "5432").split(",")
    if any(host.startswith(("/", "@")) for host in hosts):
        raise _unlike("no Unix sockets", "Write the host and the port where PostgreSQL listens.")
    # libpq refuses other counts of ports than one, or one for each host, and PyIceberg asks it first.
    pairs = zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in pairs)


def _unlike(what: str, next_step: str) -> SettingsError:
    return SettingsError(f"Spark's driver for PostgreSQL knows {what}.", next_step=next_step)


def _parts(uri: str) -> dict[str, str]:
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        return dict(parse_dsn(uri))
    except ProgrammingError:
        # Its text may hold a part of the password.
        raise SettingsError(
            "MATINEE_CATALOG_URI is not a URI of PostgreSQL.",
            next_step="Write postgresql://user:password@host:port/database?option=value, each part percent-encoded: "
            "`@` is %40, `/` %2F, `%` %25, `:` %3A, `#` %23.",
        ) from None
