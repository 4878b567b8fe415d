"""Settings: read once at the edge from `MATINEE_*`, typed, frozen, and passed down."""

import re
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from matinee.days import parse_day
from matinee.errors import SettingsError, UsageError

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parents[1]
Engine = Literal["spark", "sail"]
_CUT = {"#", "?"}
#: A relative path would lead elsewhere from each working directory.
_WAREHOUSE = re.compile(r"/.*|file:///.*|s3a?://[^/]+(/.*)?", re.DOTALL)
_REMOTE = re.compile(r"sc://(\[[0-9A-Fa-f:.]+\]|[^/;:\[\]\s]+)(:(?P<port>[0-9]{1,5}))?(/(;.*)?)?")


def default_sql_dir() -> Path:
    """Return the datasets' folder: the copy inside the wheel, else the checkout's `sql/`."""
    packaged = PACKAGE / "_sql"
    return packaged if packaged.is_dir() else CHECKOUT / "sql"


def default_home() -> Path:
    """Return `.matinee/` in the checkout, or in the working directory for an installed wheel."""
    root = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
    return root / ".matinee"


class EnvironmentSettings(BaseSettings):
    """Settings whose every field is read from `MATINEE_<FIELD>`, or with the prefix that a group of settings has.

    Raises:
        SettingsError: a value is missing, of the wrong kind, or contradicts another.
    """

    model_config = SettingsConfigDict(
        env_prefix="MATINEE_", frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    def __init__(self, **overrides: Any) -> None:  # noqa: ANN401 - checked by the fields
        try:
            super().__init__(**overrides)
        except ValidationError as error:
            variable = partial(_variable, self.model_config.get("env_prefix", ""))
            problems = "; ".join(
                ": ".join((*map(variable, item["loc"]), item["msg"].removeprefix("Value error, ")))
                for item in error.errors()
            )
            raise SettingsError(
                f"The settings are not usable: {problems}.",
                next_step="Correct the variables; deploy/env/ has an example for each catalog.",
            ) from error


def _variable(prefix: str, name: str | int) -> str:
    return str(name) if name == "SPARK_REMOTE" else f"{prefix}{name}".upper()


class HealingSettings(EnvironmentSettings):
    """What the healer may do in a UTC day."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_HEAL_")

    cells: int = Field(2000, ge=1, description="cells that the healer may derive again in a day")
    minutes: int = Field(120, ge=1, description="minutes that the healer may work in a day")


class LandingSettings(EnvironmentSettings):
    """What is landed."""

    max_line_mb: int = Field(16, ge=1, le=128, description="MB of the longest line or record that is parsed")

    @property
    def max_line_bytes(self) -> int:
        """The bytes of the longest line or record that is parsed."""
        return self.max_line_mb << 20


class StreamSettings(EnvironmentSettings):
    """Where the stream's events come from."""

    kafka: str | None = Field(None, description="Kafka's brokers, host:port,…: where the stream reads its topics")


class Settings(EnvironmentSettings):
    """Where the lake is and what runs it, and a group for each system that has settings of its own.

    `spark_remote` is read from Spark's own `SPARK_REMOTE`.
    """

    home: Path = Field(default_factory=default_home, description="folder of the lake and of the embedded stack")
    sql_dir: Path = Field(default_factory=default_sql_dir, description="folder of the datasets")
    catalog: Literal["embedded", "postgres", "aws"] = "embedded"
    catalog_name: str = Field("lake", pattern=r"^[a-z][a-z0-9_]*$")
    catalog_uri: SecretStr | None = Field(None, description="postgresql://user:password@host:port/database")
    catalog_secret: str | None = Field(None, description="instead: the secret of AWS Secrets Manager that holds it")
    warehouse: str | None = Field(None, description="default: <home>/warehouse; s3://bucket/prefix for aws")
    aws_region: str = "us-east-1"
    glue_endpoint: str | None = None
    s3_endpoint: str | None = None
    engine: Engine = Field("spark", description="what derives and audits; all else is Spark's")
    spark_remote: str | None = Field(None, validation_alias="SPARK_REMOTE", description="sc://host:port")
    spark_cores: int = Field(2, ge=1, description="threads of the engine, of either kind")
    spark_memory: str = Field("2g", pattern=r"^\d+[mg]$", description="memory of the engine, of either kind")
    spark_java_options: str = Field(
        "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC",
        description="for engines that live minutes on small data; empty for large runs (deploy/decisions/001)",
    )
    jars_dir: Path = Field(default_factory=lambda: CHECKOUT / ".jars", description="where `make jars` put them")
    task_mode: Literal["connect", "submit", "emr_serverless"] = "connect"
    reports_uri: str | None = Field(None, description="folder of the steps' reports; default <home>/run/reports")
    valid_from: date | None = Field(None, description="default: the first day that the lake has closed")

    healing: HealingSettings = Field(default_factory=HealingSettings)
    landing: LandingSettings = Field(default_factory=LandingSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)

    @field_validator("home", "sql_dir", "jars_dir", "catalog_uri", "catalog_secret", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        if value == "":
            raise ValueError("is empty: give it a value, or unset it")  # An empty path is the working directory.
        return value

    @field_validator("valid_from", mode="before")
    @classmethod
    def _is_day(cls, value: object) -> object:
        try:
            return parse_day(value) if isinstance(value, str) else value
        except UsageError as error:  # Pydantic would read 20260301 as seconds after 1970 began.
            raise ValueError(f"{error.message} {error.next_step}".rstrip(".")) from error

    @field_validator("spark_remote")
    @classmethod
    def _is_address(cls, remote: str | None) -> str | None:
        named = _REMOTE.fullmatch(remote) if remote else None
        if remote and not (named and int(named["port"] or 1) in range(1, 65536)):
            raise ValueError("write sc://host:port, with a port from 1 to 65535")
        return remote

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.catalog == "postgres" and (self.catalog_uri is None) == (self.catalog_secret is None):
            raise ValueError("MATINEE_CATALOG=postgres needs either MATINEE_CATALOG_URI or MATINEE_CATALOG_SECRET")
        if re.search(";token=", self.spark_remote or "", re.IGNORECASE):
            raise ValueError("SPARK_REMOTE is printed and logged: give its token by SPARK_CONNECT_AUTHENTICATE_TOKEN")
        if self.catalog == "aws" and not (self.warehouse or "").startswith("s3://"):
            raise ValueError("MATINEE_CATALOG=aws needs MATINEE_WAREHOUSE=s3://bucket/prefix")
        if self.warehouse and not _WAREHOUSE.fullmatch(self.warehouse):
            raise ValueError("MATINEE_WAREHOUSE is to be an absolute path, file:///path or s3://bucket/prefix")
        if (
            "://" in (self.warehouse or "")
            and not self.warehouse_uri.startswith("file:")
            and _CUT & {*self.warehouse_uri}
        ):
            raise ValueError("MATINEE_WAREHOUSE has # or ?, where Spark cuts off the names of objects")
        return self

    @property
    def warehouse_uri(self) -> str:
        """The warehouse as a URI without a trailing slash."""
        return (self.warehouse or f"file://{self.home.absolute() / 'warehouse'}").rstrip("/")

    @property
    def run_dir(self) -> Path:
        """The folder of reports, and of logs and pids of the embedded stack."""
        return self.home / "run"

    @property
    def reports(self) -> str:
        """The folder of reports that both a step and its reader can reach."""
        if self.reports_uri is not None:
            return self.reports_uri.rstrip("/")
        if self.catalog == "aws":
            return f"{self.warehouse_uri}/_reports"
        return str(self.run_dir.absolute() / "reports")


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a value is missing, of the wrong kind, or contradicts another.
    """
    return Settings(**overrides)  # type: ignore[arg-type]
