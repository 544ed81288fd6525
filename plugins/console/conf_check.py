"""Refuses a run whose `conf` has keys that its DAG does not know.

Airflow 3.3.2 checks the values of known params but accepts unknown keys without a word, so that a misspelt key
starts a run with the default value. Checked here are the product's own DAGs, known by their tag.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from plugins.console.asgi import App, BodyTooLarge, Disconnected, Receive, Scope, Send, answer, path_of, read_body, replay

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

TAG = "devmlops"
TRIGGER = re.compile(r"^/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/?$")


def unknown_keys(conf: Any, known: set[str]) -> list[str]:
    """Return the keys of ``conf`` that are not in ``known``, in order; none where it is no mapping."""
    return [key for key in conf if key not in known] if isinstance(conf, dict) else []


def refusal(dag_id: str, unknown: list[str], known: set[str]) -> dict[str, Any]:
    """Return the body of the answer that names unknown and known keys."""
    close = [near for key in unknown for near in difflib.get_close_matches(key, known, 1)]
    text = f"conf has keys that {dag_id} does not know: {', '.join(unknown)}. "
    text += f"It knows: {', '.join(sorted(known))}." if known else "It takes no conf."
    text += f" Did you mean {', '.join(dict.fromkeys(close))}?" if close else ""
    return {"detail": text, "unknown": unknown, "known": sorted(known)}


class ConfCheck:
    """ASGI middleware that reads the `conf` of a trigger before Airflow does.

    Who may not start the run gets Airflow's own answer, so that nothing about a DAG is told to strangers.

    Args:
        app: the application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        match = TRIGGER.match(path_of(scope)) if scope["type"] == "http" and scope["method"] == "POST" else None
        if match is None:
            return await self.app(scope, receive, send)
        try:
            body = await read_body(receive)
        except Disconnected:
            return None
        except BodyTooLarge:
            return await answer(send, 413, {"detail": "The request is too large."})
        conf = _conf(body)
        if conf and (user := await _user(scope)) is not None:
            known = await asyncio.to_thread(known_params, scope["app"].state.dag_bag, match["dag_id"], user)
            if known is not None and (unknown := unknown_keys(conf, known)):
                return await answer(send, 422, refusal(match["dag_id"], unknown, known))
        return await self.app(scope, replay(body, receive), send)


def _conf(body: bytes) -> Any:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content.get("conf") if isinstance(content, dict) else None


async def _user(scope: Scope) -> BaseUser | None:
    """Return who calls, None where Airflow will refuse the caller anyway."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
    from fastapi import Request

    request = Request(scope)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    token = token if kind.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    if not token:
        return None
    try:
        return await get_auth_manager().get_user_from_token(token)
    except Exception:  # Airflow finds the same fault and answers with its own code
        return None


def known_params(dag_bag: Any, dag_id: str, user: BaseUser) -> set[str] | None:
    """Return the names of a DAG's params; None where the DAG is not the product's or ``user`` may not start it."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.utils.session import create_session

    details = DagDetails(id=dag_id)
    if not get_auth_manager().is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user):
        return None
    with create_session() as session:
        dag = dag_bag.get_latest_version_of_dag(dag_id, session=session)
        if dag is None or TAG not in dag.tags:
            return None
        return set(dag.params.keys())
