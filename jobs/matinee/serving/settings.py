"""Settings of the service: where it listens, who may call, and how much a call may ask for."""

import re
import secrets
from pathlib import Path

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from matinee.private import write_private
from matinee.settings import EnvironmentSettings, Settings

#: Neither user nor options: an address is printed.
_REDIS = re.compile(r"redis://[^/@?#\s]+(/\d+)?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


class ServingSettings(EnvironmentSettings):
    """Settings of the service, read from `MATINEE_SERVING_*`."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_SERVING_")

    host: str = Field("127.0.0.1", description="the address that it listens at")
    port: int = Field(50051, ge=0, le=65535, description="0: any free port")
    token_file: Path | None = Field(None, description="the bearer token; default: <home>/run/serving.token")
    tls_certificate: Path | None = Field(None, description="PEM: the certificate that the service shows")
    tls_key: Path | None = Field(None, description="PEM: the key of the certificate")
    tls_client_ca: Path | None = Field(None, description="PEM: who signs the certificates that clients have to show")
    threads: int = Field(8, ge=1, le=256, description="calls that are answered at once")
    waiting: int = Field(64, ge=0, description="calls that may wait besides; others end RESOURCE_EXHAUSTED")
    message_kb: int = Field(4096, ge=64, le=1 << 20, description="KB of the largest request and answer")
    key_bytes: int = Field(4096, ge=16, description="bytes of the longest key")
    keys: int = Field(1000, ge=1, description="keys of the largest MultiGet")
    page: int = Field(1000, ge=1, description="entries of the largest page")
    deadline_s: float = Field(10.0, gt=0, description="seconds that a call may take, whatever its own deadline is")
    poll_s: float = Field(1.0, gt=0, description="seconds from one look at the pointers to the next")
    delta_folder: Path | None = Field(None, description="the newest events; default: <home>/serving/delta")
    delta_lag_s: float = Field(60.0, gt=0, description="seconds that these may be behind before answers are degraded")
    grace_s: float = Field(10.0, ge=0, description="seconds that calls have to end when the service stops")

    def delta_folder_of(self, settings: Settings) -> Path:
        """Return the folder of the newest events."""
        return self.delta_folder or settings.home.absolute() / "serving" / "delta"

    @model_validator(mode="after")
    def _is_safe(self) -> "ServingSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("MATINEE_SERVING_TLS_CERTIFICATE and MATINEE_SERVING_TLS_KEY belong together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("MATINEE_SERVING_TLS_CLIENT_CA needs MATINEE_SERVING_TLS_CERTIFICATE")
        if self.host not in _LOOPBACK and self.tls_certificate is None:
            raise ValueError("MATINEE_SERVING_HOST is no loopback address: it needs MATINEE_SERVING_TLS_CERTIFICATE")
        return self


class StoreSettings(EnvironmentSettings):
    """Where the stores are that are servers; no secret stands here."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_SERVING_")

    redis: str | None = Field(None, description="redis://host:port/database, without a password")
    redis_connection: str | None = Field(None, description="instead: the connection of Airflow's form that says it")
    dynamodb_table: str = Field("matinee_served", pattern=r"^[A-Za-z0-9_.-]{3,255}$")
    dynamodb_endpoint: str | None = Field(None, description="default: that of MATINEE_AWS_REGION")

    @field_validator("redis")
    @classmethod
    def _has_no_secret(cls, address: str | None) -> str | None:
        if address and not _REDIS.fullmatch(address):
            raise ValueError(
                "write redis://host:port/database; a password belongs into MATINEE_SERVING_REDIS_CONNECTION"
            )
        return address


def token_of(settings: Settings, serving: ServingSettings, *, make: bool = False) -> str | None:
    """Return the bearer token; None where there is none yet and none is to be made. Only its owner can read it."""
    file = serving.token_file or settings.run_dir.absolute() / "serving.token"
    try:
        if token := file.read_text().strip():
            return token
    except FileNotFoundError:
        pass
    if not make:
        return None
    from matinee.private import private_folder

    private_folder(file.parent)
    token = secrets.token_urlsafe(32)
    write_private(file, f"{token}\n")
    return token
