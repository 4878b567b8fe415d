"""An auth manager with rights by DAG; Airflow's simple one gives the same rights on every DAG."""

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

#: Whose logs only admins see.
PRIVATE = "private_dag"
#: An operator who may change no DAG.
BOUND = "olaf"


class RightsByDag(SimpleAuthManager):  # type: ignore[misc]
    """The simple manager, but for the logs of one DAG, and for one operator."""

    def is_authorized_dag(
        self,
        *,
        method: str,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Refuse the logs of the private DAG to all but admins, and every change to the bound operator."""
        keeps = access_entity is DagAccessEntity.TASK_LOGS and details is not None and details.id == PRIVATE
        if (keeps and user.role != "admin") or (method != "GET" and user.username == BOUND):
            return False
        given = {"method": method, "user": user, "access_entity": access_entity, "details": details}
        return bool(super().is_authorized_dag(**given))
