"""A real Airflow API server with its UI and the plugin, for users of each role."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from matinee.retries import wait_until
from matinee.settings import CHECKOUT
from tests.support.airflow_users import USERS


@dataclass(frozen=True)
class Server:
    """Where it listens; each user's password is the user's name."""

    url: str

    def token(self, user: str) -> str:
        """Log in as a user."""
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": user})
        return str(answer.raise_for_status().json()["access_token"])


@contextmanager
def serving(folder: Path, lake_home: Path) -> Iterator[Server]:
    """Run Airflow's API server on a database of its own, with the pages of a lake, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | _environment(folder, lake_home, url)
    command = [sys.executable, "-m", "airflow"]
    subprocess.run([*command, "db", "migrate"], env=environment, check=True, capture_output=True)
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "api-server", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            assert wait_until(lambda: _answers(url), 240, 0.5), (folder / "server.log").read_text()
            yield Server(url)
        finally:
            server.terminate()
            server.wait(30)


def _environment(folder: Path, lake_home: Path, url: str) -> dict[str, str]:
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in USERS}))
    roles = ",".join(f"{name}:{role}" for name, role in USERS.items() if role)
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": roles,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "MATINEE_HOME": str(lake_home),
        "PYTHONPATH": f"{CHECKOUT / 'jobs'}{os.pathsep}{CHECKOUT / 'plugins'}",
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/version").is_success
    except httpx.HTTPError:
        return False
