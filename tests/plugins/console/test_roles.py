from __future__ import annotations

import pytest

from include.local.secrets import USERS
from plugins.console.roles import PEOPLE, ROLES

BUILT_IN = {"Admin", "Op", "User", "Viewer", "Public"}
CHANGING = ("can_create", "can_edit", "can_delete")


def changing(role: str) -> set[tuple[str, str]]:
    own = ("My Password", "My Profile")
    return {(action, resource) for action, resource in ROLES[role] if action in CHANGING and resource not in own}


def test_built_in_roles_are_left_alone() -> None:
    assert not BUILT_IN & set(ROLES)


def test_every_log_in_has_a_password_and_known_roles() -> None:
    assert tuple(p.username for p in PEOPLE) == USERS
    assert {role for p in PEOPLE for role in p.roles} <= BUILT_IN | set(ROLES)


def test_an_approver_answers_and_changes_nothing_else() -> None:
    assert changing("Approver") == {("can_edit", "HITL Detail")}


def test_nobody_else_answers() -> None:
    assert not any(("can_edit", "HITL Detail") in ROLES[role] for role in ("Developer", "Operator", "Console"))


@pytest.mark.parametrize("role", list(ROLES))
def test_nobody_writes_xcoms_or_deletes_runs(role: str) -> None:
    assert not changing(role) & {(a, r) for a in CHANGING for r in ("XComs", "Audit Logs")}
    assert not {("can_delete", "DAG Runs"), ("can_delete", "DAGs"), ("can_delete", "Task Instances")} & changing(role)


def test_every_permission_is_one_that_airflow_knows() -> None:
    from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride as Manager

    known = {p for config in Manager.ROLE_CONFIGS for p in config["perms"]}
    assert {p for permissions in ROLES.values() for p in permissions} <= known
