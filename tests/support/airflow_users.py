"""Users of every role for Airflow's own login: tokens as its API server would give them."""

import os

import tests.support.airflow_home  # noqa: F401 - sets the environment before airflow is imported

os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = "tests.support.airflow_auth.RightsByDag"
#: The role of each user: nick has none, and olaf may change no DAG (`airflow_auth`).
USERS = {"vic": "viewer", "una": "user", "ona": "op", "olaf": "op", "ada": "admin", "nick": None}


def make_database() -> None:
    """Make the tables that a login reads: those of revoked tokens and of teams, with all that they refer to."""
    from airflow import settings
    from airflow.models import import_all_models  # noqa: TID251 - only Airflow itself knows its tables
    from airflow.models.base import Base  # noqa: TID251

    import_all_models()
    Base.metadata.create_all(settings.engine)


def tokens() -> dict[str, str]:
    """Start Airflow's auth manager and return a token for each user."""
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    manager = init_auth_manager()
    return {name: manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role)) for name, role in USERS.items()}
