"""Settings of alerts: where the journal lies, whom to tell, and what to look at."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from matinee.alerts.rules.model import Route
from matinee.days import parse_duration
from matinee.errors import UsageError
from matinee.private import private_folder
from matinee.settings import EnvironmentSettings, Settings


class AlertSettings(EnvironmentSettings):
    """Settings of alerts besides those of the lake, read from `MATINEE_ALERTS_*`."""

    alerts_journal: SecretStr | None = Field(None, description="postgresql://…; default: SQLite in the home")
    alerts_keep: str = Field("180d", description="for how long signals and ended incidents are kept")
    alerts_every: str = Field("60s", description="from one look of the watcher to the next")
    alerts_route: str = Field("", description="whom rules tell that name no route: channel:connection,…")
    alerts_ping: SecretStr | None = Field(None, description="URL or file that is touched after each look")
    alerts_airflow: str | None = Field(
        None, description="Airflow's address; `make up` states its own; default: no look at Airflow"
    )
    alerts_airflow_token: SecretStr | None = Field(None, description="token of a service account of Airflow")

    @field_validator("alerts_keep", "alerts_every")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        try:
            parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("alerts_route")
    @classmethod
    def _is_route(cls, value: str) -> str:
        parse_routes(value)
        return value

    @property
    def keep(self) -> timedelta:
        """For how long signals and ended incidents are kept."""
        return parse_duration(self.alerts_keep)

    @property
    def every(self) -> timedelta:
        """From one look of the watcher to the next."""
        return parse_duration(self.alerts_every)

    @property
    def route(self) -> tuple[Route, ...]:
        """Whom rules tell that name no route."""
        return parse_routes(self.alerts_route)


def parse_routes(text: str) -> tuple[Route, ...]:
    """Return the routes of `channel:connection,…`.

    Raises:
        ValueError: a route has another form.
    """
    routes = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        channel, colon, connection = part.partition(":")
        if not (channel and colon and connection):
            raise ValueError(f"'{part}' is not channel:connection, such as slack:slack_default")
        routes.append(Route(channel, connection))
    return tuple(routes)


def alerts_folder(settings: Settings) -> Path:
    """Return the folder of the rules."""
    return settings.sql_dir / "alerts"


def journal_file(settings: Settings) -> Path:
    """Return the journal's file in the home; its folder is made."""
    return private_folder(settings.home.absolute() / "alerts") / "journal.db"
