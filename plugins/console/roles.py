"""Who may do what in Airflow: the product's roles beside the built-in ones, which stay as they are.

| | read | trigger, clear, mark | answer approvals | connections, variables, pools |
|--|--|--|--|--|
| Developer | yes | yes | no | no |
| Approver | yes | no | yes | no |
| Operator | yes | yes | no | yes |
| Viewer (built in) with Console | yes | no | no | no |

Marking a waiting approval as successful is possible for whoever may mark tasks; it approves nothing, because
the deploying task counts recorded answers alone. Nobody but Airflow's Admin may write XComs or delete runs.
"""

from __future__ import annotations

from dataclasses import dataclass

Permission = tuple[str, str]

CONSOLE: list[Permission] = [
    ("can_read", "Plugins"),
    ("can_read", "HITL Detail"),
    ("menu_access", "HITL Detail"),
    ("can_read", "Website"),
]

READ: list[Permission] = [
    *CONSOLE,
    *(
        ("can_read", resource)
        for resource in (
            "DAGs",
            "DAG Code",
            "DAG Dependencies",
            "DAG Runs",
            "DAG Versions",
            "DAG Warnings",
            "Task Instances",
            "Task Logs",
            "XComs",
            "Assets",
            "Asset Aliases",
            "Backfills",
            "Cluster Activity",
            "ImportError",
            "Jobs",
            "Pools",
            "Audit Logs",
            "My Password",
            "My Profile",
        )
    ),
    ("can_edit", "My Password"),
    ("can_edit", "My Profile"),
    *(
        ("menu_access", resource)
        for resource in (
            "Browse",
            "DAGs",
            "DAG Dependencies",
            "DAG Runs",
            "Task Instances",
            "Assets",
            "Cluster Activity",
            "Jobs",
            "Audit Logs",
            "Docs",
            "Documentation",
            "XComs",
        )
    ),
]

RUN: list[Permission] = [
    ("can_edit", "DAGs"),
    ("can_create", "DAG Runs"),
    ("can_edit", "DAG Runs"),
    ("can_edit", "Task Instances"),
    ("can_create", "Assets"),
]

OPERATE: list[Permission] = [
    *(
        (action, r)
        for r in ("Connections", "Variables", "Pools")
        for action in ("can_read", "can_create", "can_edit", "can_delete")
    ),
    *(("menu_access", r) for r in ("Admin", "Connections", "Variables", "Pools", "Plugins", "Providers", "Configurations")),
    ("can_read", "Providers"),
    ("can_read", "Configurations"),
]

ROLES: dict[str, list[Permission]] = {
    "Console": CONSOLE,
    "Developer": [*READ, *RUN],
    "Approver": [*READ, ("can_edit", "HITL Detail")],
    "Operator": [*READ, *RUN, *OPERATE],
}


@dataclass(frozen=True)
class Person:
    """One log-in of the local platform.

    Attributes:
        username: the name to log in with.
        roles: names of `ROLES` or of Airflow's built-in roles.
    """

    username: str
    roles: tuple[str, ...]


PEOPLE: tuple[Person, ...] = (
    Person("developer", ("Developer",)),
    Person("approver1", ("Approver",)),
    Person("approver2", ("Approver",)),
    Person("operator", ("Operator",)),
    Person("viewer", ("Viewer", "Console")),
)
