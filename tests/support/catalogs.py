"""Real catalogs for tests: a PostgreSQL of the tests' own, and moto's server for Glue and S3."""

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from matinee.engine.server import free_port
from matinee.settings import Settings, load_settings

#: A user of the tests' PostgreSQL whose name has what a URI gives a meaning.
GUARDED = "m@/%#:"
#: The catalogs for the fixture `any_catalog`, where `make verify` repeats the same test on Glue.
CATALOGS = [
    "embedded",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("aws", marks=[pytest.mark.aws, pytest.mark.slow]),
]


def required(marker: str, reason: str) -> None:
    """Skip for a missing piece, or fail where MATINEE_REQUIRE says that the piece must be there."""
    if marker in os.environ.get("MATINEE_REQUIRE", "").split(","):
        pytest.fail(f"{marker} is required and missing: {reason}")
    pytest.skip(f"{marker}: {reason}")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a PostgreSQL on a free loopback port and yield the URI of its database; not as root."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not installed:
        required("postgres", "no PostgreSQL under /usr/lib/postgresql")
    binaries, port = installed[-1], free_port()
    folder = Path(tempfile.mkdtemp(prefix="matinee-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    server = _start_postgres(as_user, binaries, folder, port)
    try:
        uri = f"postgresql://matinee@127.0.0.1:{port}/postgres"
        wait_for(port)
        _wait_until_it_has_started(uri)
        yield uri
    finally:
        stop = [*as_user, str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, cwd="/")
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _start_postgres(as_user: list[str], binaries: Path, folder: Path, port: int) -> "subprocess.Popen[bytes]":
    data = str(folder / "data")
    initdb = [*as_user, str(binaries / "initdb"), "-D", data, "-U", "matinee", "-A", "trust", "-N", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/")
    _certify(as_user, folder)
    tls = ["-c", "ssl=on", "-c", f"ssl_cert_file={folder}/server.crt", "-c", f"ssl_key_file={folder}/server.key"]
    options = [*tls, "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    command = [*as_user, str(binaries / "postgres"), "-D", data, *options]
    return subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _certify(as_user: list[str], folder: Path) -> None:
    """Give the server a certificate of its own, and ask the user GUARDED for a password, over TLS alone."""
    paths = ["-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt"]
    names = ["-subj", "/CN=matinee", "-addext", "subjectAltName=IP:127.0.0.1"]
    request = [*as_user, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *paths, *names]
    subprocess.run(request, check=True, capture_output=True, cwd="/")
    rules = folder / "data" / "pg_hba.conf"
    guarded = [f'hostssl all "{GUARDED}" all scram-sha-256', f'hostnossl all "{GUARDED}" all reject']
    rules.write_text("\n".join([*guarded, rules.read_text()]))


def guarded_uri(uri: str) -> str:
    """Return the URI of a new database that only its user sees, by password and over TLS that is verified."""
    import psycopg2

    plain, secret = create_database(uri), "p@s/s%41#?+:&= x"
    connection = psycopg2.connect(plain)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SHOW ssl_cert_file")
            certificate = cursor.fetchone()[0]
            cursor.execute(f'DROP ROLE IF EXISTS "{GUARDED}"')
            cursor.execute(f'CREATE ROLE "{GUARDED.replace("%", "%%")}" LOGIN PASSWORD %s', (secret,))
            cursor.execute(f'CREATE SCHEMA lake AUTHORIZATION "{GUARDED}"')
    finally:
        connection.close()
    user, password, root = (quote(text, safe="") for text in (GUARDED, secret, certificate))
    options = f"sslmode=verify-full&sslrootcert={root}&options=-c%20search_path%3Dlake"
    return plain.replace("//matinee@", f"//{user}:{password}@") + f"?{options}"


def _wait_until_it_has_started(uri: str, seconds: float = 30) -> None:
    """Wait for an answer: the server listens before it can answer."""
    import psycopg2

    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg2.connect(uri).close()
            return
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def create_database(uri: str) -> str:
    """Create an empty database beside the given one and return its URI."""
    import psycopg2

    name = f"lake_{uuid.uuid4().hex[:10]}"
    connection = psycopg2.connect(uri)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
    finally:
        connection.close()
    return f"{uri.rsplit('/', 1)[0]}/{name}"


def postgres_settings(uri: str, home: Path) -> Settings:
    """A new lake on PostgreSQL, in a database of its own."""
    return load_settings(home=home, catalog="postgres", catalog_uri=create_database(uri), spark_remote=None)


@contextmanager
def aws_server() -> Iterator[str]:
    """Run moto's server for S3, Glue and EMR Serverless on a free loopback port and yield its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def aws_settings(endpoint: str, home: Path) -> Settings:
    """A new lake on Glue and S3, in a bucket of its own; Glue's databases are the server's, so it is reset first."""
    import boto3
    import requests

    requests.post(f"{endpoint}/moto-api/reset", timeout=10)
    bucket = f"lake-{uuid.uuid4().hex[:10]}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return load_settings(
        home=home,
        catalog="aws",
        warehouse=f"s3://{bucket}/warehouse",
        s3_endpoint=endpoint,
        glue_endpoint=endpoint,
        spark_remote=None,
    )


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")
