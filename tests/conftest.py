"""Fixtures shared by all tests: one Spark Connect server a session, a lake of its own for each test."""

import gc
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from matinee.contracts.registry import Registry
from matinee.errors import EnvironmentNotReadyError
from matinee.settings import CHECKOUT, Settings, load_settings
from tests.support.catalogs import aws_server, aws_settings, postgres_server, postgres_settings, required
from tests.support.stores import redis_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The tests' own AWS is a server on this machine; real credentials must never reach it, nor it reach the real one.
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
#: A folder in memory, and how many free bytes make it good for the lakes of tests.
MEMORY, ROOM = Path("/dev/shm"), 8 << 30  # noqa: S108 - pytest makes a folder of its own there
CATALOG = os.environ.get("MATINEE_TEST_CATALOG", "embedded")
ENGINE = os.environ.get("MATINEE_TEST_ENGINE")
assert ENGINE in (None, "spark", "sail"), ENGINE
os.environ.update(AWS | {"AWS_EC2_METADATA_DISABLED": "true"})
for _name in [name for name in os.environ if name.startswith("MATINEE_")]:
    # What is left is for the workers, too: they begin with this process's environment.
    if _name != "MATINEE_REQUIRE" and not _name.startswith("MATINEE_TEST_"):
        del os.environ[_name]
os.environ.pop("SPARK_REMOTE", None)
# Tests commit to thousands of small lakes: on a disk they would wait for it most of their time.
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
# The shipped contracts do not change, and each lake that a test opens reads them: they are read once.
_load, _shipped = Registry.load, cache(Registry.load)
Registry.load = lambda folder: (_shipped if folder == CHECKOUT / "sql" else _load)(folder)  # type: ignore[method-assign,assignment]


@pytest.fixture(scope="session")
def session_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that the session's Connect server is started with; each session of it brings its own catalog."""
    return load_settings(home=tmp_path_factory.mktemp("lake"), catalog="embedded", spark_remote=None)


@pytest.fixture(scope="session")
def spark_remote(session_settings: Settings) -> Iterator[str]:
    """Address of the session's Spark Connect server."""
    from matinee.engine.server import free_port, start_server, stop_server

    try:
        server = start_server(session_settings, free_port(), die_with_us=True)
    except EnvironmentNotReadyError as error:
        required("spark", str(error))
    yield server.remote
    stop_server(server)


@pytest.fixture(scope="session")
def spark(spark_remote: str, session_settings: Settings) -> Iterator["SparkSession"]:
    """A Connect client of the session's server."""
    from matinee.engine.session import spark_session

    with spark_session(session_settings.model_copy(update={"spark_remote": spark_remote})) as session:
        yield session


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """A PostgreSQL of the tests' own."""
    with postgres_server() as uri:
        yield uri


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """moto's server."""
    with aws_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def redis_address() -> Iterator[str]:
    """A Redis of the tests' own."""
    with redis_server() as address:
        yield address


def new_lake(catalog: str, request: pytest.FixtureRequest, home: Path) -> Settings:
    """Settings of a new lake on a catalog, without an engine."""
    if catalog == "postgres":
        return postgres_settings(request.getfixturevalue("postgres_uri"), home)
    if catalog == "aws":
        return aws_settings(request.getfixturevalue("aws_endpoint"), home)
    return load_settings(home=home, catalog="embedded", spark_remote=None)


def with_engine(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The same settings with the session's engine."""
    engine = ENGINE or ("sail" if request.node.get_closest_marker("sail") else "spark")
    return settings.model_copy(update={"spark_remote": request.getfixturevalue("spark_remote"), "engine": engine})


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A new lake on the catalog of MATINEE_TEST_CATALOG: embedded, or what `make verify` runs the same tests on."""
    if CATALOG == "aws" and request.node.get_closest_marker("concurrent"):
        pytest.skip("moto's Glue accepts stale commits (tests/integration/test_glue.py)")
    if CATALOG != "embedded" and request.node.get_closest_marker("embedded"):
        pytest.skip("looks into files or homes of the embedded lake")
    return with_engine(new_lake(CATALOG, request, tmp_path / "home"), request)


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("aws", marks=pytest.mark.aws),
    ]
)
def any_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A new lake on each catalog in turn, without an engine."""
    return new_lake(request.param, request, tmp_path / "home")


@pytest.fixture
def any_settings(any_catalog: Settings, request: pytest.FixtureRequest) -> Settings:
    """A new lake on each catalog in turn."""
    return with_engine(any_catalog, request)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real event sets: MATINEE_TEST_DATA, else beside the checkout."""
    named = os.environ.get("MATINEE_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "ranklens").is_dir():
        required("realdata", f"{folder} has no event sets")
    return folder


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what was imported, and half of its rounds: they cost a tenth of the unit tests."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of skips: a skipped test proves nothing."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    terminalreporter.write_line(f"skipped tests: {skipped}")
