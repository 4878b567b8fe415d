"""The environment of the embedded Airflow: folders, addresses, authentication and sizes."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from matinee.engine.access import VARIABLE, kept_token, process_token
from matinee.private import FILE, FOLDER, private_folder, write_private
from matinee.settings import CHECKOUT, EnvironmentSettings, Settings
from matinee.table.catalogs.embedded import file_address

HOST = "127.0.0.1"
#: What names connections in Airflow's own form.
_CONNECTIONS = ("AIRFLOW_CONN_", "AIRFLOW__SECRETS__", "MATINEE_ALERTS_")


class StackSettings(EnvironmentSettings):
    """Settings of the embedded stack besides those of the lake, read from `MATINEE_*`."""

    airflow_port: int = Field(8080, ge=1, le=65535)
    spark_port: int = Field(15002, ge=1, le=65535)
    airflow_db: SecretStr | None = Field(None, description="postgresql+psycopg2://…; default: SQLite in the home")
    airflow_parallelism: int = Field(4, ge=1, description="tasks that run at the same time")
    spark_slots: int = Field(2, ge=1, description="tasks that use Spark at the same time")

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's UI and API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def spark_remote(self) -> str:
        """The address of the Connect server."""
        return f"sc://localhost:{self.spark_port}"


def airflow_home(settings: Settings) -> Path:
    """Return Airflow's own folder in the lake's home."""
    return settings.home.absolute() / "airflow"


def airflow_environment(settings: Settings, ours: StackSettings | None = None) -> dict[str, str]:
    """Return the whole environment of every Airflow process and command of this lake.

    The user's own `AIRFLOW_*` variables are left out: this Airflow is not the one that they describe. So are SOCKS
    proxies: Airflow's tasks would not start, though all that they call is on this machine.
    """
    ours = ours or StackSettings()
    private_folder(home := airflow_home(settings))
    inherited = {name: value for name, value in os.environ.items() if _is_usable(name, value)}
    return inherited | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(CHECKOUT / "jobs"),
        **_past_proxies(),
        "AIRFLOW_HOME": str(home),
        "MATINEE_HOME": str(settings.home.absolute()),
        "SPARK_REMOTE": ours.spark_remote,
        VARIABLE: kept_token(settings) or process_token(),
        # Airflow's logging would switch on a logger that the Connect client keeps off: noise at every closed session.
        "SPARK_CONNECT_LOG_LEVEL": "ERROR",
        # Airflow itself uses a deprecated name of pathspec, and says so at the top of every task's log.
        "PYTHONWARNINGS": "ignore:GitWildMatchPattern:DeprecationWarning",
        **{f"AIRFLOW__{name}": value for name, value in _options(settings, ours).items()},
    }


def alerts_environment(ours: StackSettings) -> dict[str, str]:
    """Return what the watcher of alerts has besides: the address of Airflow, and the user's connections of channels."""
    theirs = {name: value for name, value in os.environ.items() if name.startswith(_CONNECTIONS)}
    return {"MATINEE_ALERTS_AIRFLOW": ours.airflow_url} | theirs


def scheduler_environment(environment: Mapping[str, str], ours: StackSettings) -> dict[str, str]:
    """Return the environment of the scheduler and so of tasks: `alert_watch` sees and tells what the watcher does."""
    path = f"{Path(__file__).with_name('scheduler')}{os.pathsep}{environment['PYTHONPATH']}"
    return {**environment, **alerts_environment(ours), "PYTHONPATH": path}


def _is_usable(name: str, value: str) -> bool:
    is_socks = name.lower().endswith("_proxy") and value.lower().startswith("socks")
    return not (is_socks or name.startswith("AIRFLOW_"))


def _past_proxies() -> dict[str, str]:
    """Return the variables by which loopback calls go past every proxy; other calls go as the user's say."""
    theirs = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(filter(None, (HOST, "localhost", theirs))))


def _options(settings: Settings, ours: StackSettings) -> dict[str, str]:
    home = airflow_home(settings)
    database = ours.airflow_db.get_secret_value() if ours.airflow_db else file_address(home / "airflow.db")
    return {
        "CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(ours.airflow_parallelism),
        "CORE__EXECUTION_API_SERVER_URL": f"{ours.airflow_url}/execution/",
        # Everybody who reaches the loopback interface is an admin: a stack for one person on one machine.
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "API__BASE_URL": ours.airflow_url,
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": _jwt_secret(home / "jwt-secret"),
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        # On one machine nothing delays a heartbeat for long: a task whose supervisor died is seen within a minute.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": f"{FOLDER:#o}",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": f"{FILE:#o}",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _jwt_secret(path: Path) -> str:
    if not path.is_file():
        # 64 bytes and more: the key length that HMAC-SHA-512 asks for; Airflow's own default is shorter.
        write_private(path, secrets.token_urlsafe(64))
    return path.read_text()
