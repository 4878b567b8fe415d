"""The channels by their names."""

import os
import time
from collections.abc import Callable, Mapping

from matinee.errors import EnvironmentNotReadyError, UsageError
from matinee.sinks.connections import Connection
from matinee.sinks.message import Channel
from matinee.sinks.secrets_backends import read_connection


def open_channel(name: str, connection_id: str, environment: Mapping[str, str] | None = None) -> Channel:
    """Return a channel that tells messages through a connection.

    Args:
        name: `slack`, `pagerduty`, `email` or `webhook`.
        connection_id: the connection, as Airflow names it.
        environment: where connections are read; None: the variables of this process.

    Raises:
        UsageError: there is no channel of that name.
        SettingsError: the connection is missing or wrong; the message names the variable.
        ChannelUnavailableError: the secrets backend does not answer.
        EnvironmentNotReadyError: a library of the channel is not installed.
    """
    if name not in CHANNELS:
        raise UsageError(
            f"There is no channel '{name}'.", next_step=f"Name one of {', '.join(CHANNELS)}.", facts={"channel": name}
        )
    connection = read_connection(connection_id, os.environ if environment is None else environment)
    try:
        return CHANNELS[name](connection)
    except ImportError as error:
        raise EnvironmentNotReadyError(
            f"The channel '{name}' needs a package that is not installed: {error.name}.",
            next_step="Install the extra `alerts` (`pip install 'matinee[alerts]'`).",
            facts={"channel": name, "package": error.name},
        ) from error


def _slack(connection: Connection) -> Channel:
    from matinee.sinks.slack.channel import open_slack

    return open_slack(connection)


def _pagerduty(connection: Connection) -> Channel:
    from matinee.sinks.pagerduty.channel import open_pagerduty

    return open_pagerduty(connection)


def _email(connection: Connection) -> Channel:
    from matinee.sinks.email.channel import open_email

    return open_email(connection)


def _webhook(connection: Connection) -> Channel:
    from matinee.sinks.webhook.channel import open_webhook

    return open_webhook(connection, time.time)


#: How each channel is opened, by its name.
CHANNELS: Mapping[str, Callable[[Connection], Channel]] = {
    "slack": _slack,
    "pagerduty": _pagerduty,
    "email": _email,
    "webhook": _webhook,
}
