"""Airflow's FAB log-in, with approvers who may answer and do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.security.permissions import RESOURCE_HITL_DETAIL

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.providers.fab.auth_manager.models import User


class DevMLOpsAuthManager(FabAuthManager):
    """FAB users, roles and pages, as in Airflow's own manager, with two differences.

    FAB demands the right to edit a DAG from whoever answers one of its human-in-the-loop tasks. Here the right
    to edit answers and to read the DAG is enough, so that an approver can approve without being able to run or
    change anything. And a task's `assigned_users` may be usernames or ``role:Approver`` beside FAB's user ids.
    """

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Return whether ``user`` may do ``method`` on a DAG or on a part of it."""
        if access_entity == DagAccessEntity.HITL_DETAIL and method == "PUT":
            may_answer = self._is_authorized(method="PUT", resource_type=RESOURCE_HITL_DETAIL, user=user)
            return may_answer and super().is_authorized_dag(method="GET", user=user, details=details)
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Return whether ``user`` is one of ``assigned_users``: a user id, a username or ``role:NAME``."""
        names = {str(user.get_id()), user.username, *(f"role:{role.name}" for role in user.roles)}
        return not assigned_users.isdisjoint(names)
