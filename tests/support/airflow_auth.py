"""An auth manager that keeps the logs of a DAG from a user; Airflow's simple one gives all logs to every viewer."""

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

#: Whose logs only admins see.
PRIVATE = "private_dag"


class KeepsLogs(SimpleAuthManager):  # type: ignore[misc]
    """The simple manager, but for the logs of one DAG."""

    def is_authorized_dag(
        self,
        *,
        method: str,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Refuse the logs of the private DAG to all but admins."""
        keeps = access_entity is DagAccessEntity.TASK_LOGS and details is not None and details.id == PRIVATE
        if keeps and user.role != "admin":
            return False
        given = {"method": method, "user": user, "access_entity": access_entity, "details": details}
        return bool(super().is_authorized_dag(**given))
