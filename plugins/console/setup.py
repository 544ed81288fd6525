"""Prepares Airflow's database in one process: migration, roles and log-ins.

The same through `airflow` commands would import Airflow ten times. Passwords come on standard input as JSON
(`{"username": "password"}`), so that they appear in no argument list.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from plugins.console.roles import PEOPLE, ROLES, Permission


def migrate() -> None:
    """Create or upgrade Airflow's tables and those of its auth manager."""
    from airflow.utils import db

    db.initdb()


def sync_role(security: Any, name: str, permissions: Iterable[Permission]) -> None:
    """Make role ``name`` hold exactly ``permissions``.

    Args:
        security: FAB's security manager.
        name: the role; it is created where it does not exist.
        permissions: pairs of action and resource.
    """
    role = security.add_role(name)
    role.permissions = [security.create_permission(action, resource) for action, resource in dict.fromkeys(permissions)]
    security.session.commit()


def sync_person(security: Any, username: str, roles: Iterable[str], password: str) -> None:
    """Create the log-in ``username`` with ``roles`` and ``password``, or bring an existing one in line."""
    from werkzeug.security import check_password_hash, generate_password_hash

    found = [security.find_role(role) for role in roles]
    user = security.find_user(username=username)
    if user is None:
        security.add_user(
            username=username,
            first_name=username.capitalize(),
            last_name="DevMLOps",
            email=f"{username}@devmlops.local",
            role=found,
            hashed_password=generate_password_hash(password),
        )
        return
    user.roles = found
    if not check_password_hash(user.password or "", password):
        user.password = generate_password_hash(password)
    security.session.commit()


def sync_access(passwords: Mapping[str, str]) -> None:
    """Bring roles and log-ins in line with `plugins.console.roles`.

    Args:
        passwords: password by username; people without one are left out.
    """
    from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager
    from airflow.utils.session import create_session

    with create_session() as session:
        security = ApplessAirflowSecurityManager(session=session)
        security.sync_roles()
        for name, permissions in ROLES.items():
            sync_role(security, name, permissions)
        for person in PEOPLE:
            if person.username in passwords:
                sync_person(security, person.username, person.roles, passwords[person.username])


def main() -> None:
    """Migrate, then sync roles and log-ins; passwords are read from standard input."""
    passwords = json.load(sys.stdin)
    migrate()
    sync_access(passwords)


if __name__ == "__main__":
    main()
