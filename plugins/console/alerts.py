"""Alerts from outside start retraining: Alertmanager's webhook, format 4, and whoever sends the same.

An alert names its project by the label `project`. The id of the run is made of the alert's fingerprint and start,
so that an alert which is sent again and again starts one run.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from include.projects.parts import NAME
from include.settings import Settings
from plugins.console import runs
from plugins.console.errors import ApiError

router = APIRouter(prefix="/v1/alerts")

MAX_BYTES = 2**20
ACTOR = "alertmanager"
KEY = re.compile(r"^[A-Za-z0-9_.~-]{1,100}$")


class OutsideAlert(BaseModel):
    """One alert of a webhook; members that are not used here are let pass."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: datetime
    fingerprint: str = ""

    def key(self) -> str:
        """Return the alert's fingerprint, or one made of its labels where the sender gives none."""
        if KEY.match(self.fingerprint):
            return self.fingerprint
        text = self.fingerprint or repr(sorted(self.labels.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def run_id(self) -> str:
        """Return the id of the run that this alert starts."""
        start = self.startsAt if self.startsAt.tzinfo else self.startsAt.replace(tzinfo=UTC)
        return f"alert__{self.key()}__{start.astimezone(UTC):%Y%m%dT%H%M%S}"

    def reason(self) -> str:
        """Return why the run starts, for the audit log."""
        name = self.labels.get("alertname", "alert")
        text = self.annotations.get("summary") or self.annotations.get("description") or ""
        return f"{name}: {text}"[:500] if text else name[:500]


class Webhook(BaseModel):
    """The body of a webhook."""

    version: Literal["4"] = "4"
    alerts: Annotated[list[OutsideAlert], Field(min_length=1, max_length=500)]


@dataclass
class Outcome:
    """What became of the alerts of one webhook."""

    started: list[dict[str, str]] = field(default_factory=list)
    already_started: list[dict[str, str]] = field(default_factory=list)
    ignored: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def did_nothing(self) -> bool:
        """Return whether every alert was refused."""
        return not (self.started or self.already_started or self.ignored)


@router.post("/alertmanager")
async def alertmanager(request: Request) -> dict[str, Any]:
    """Start retraining of every project that a firing alert names."""
    settings: Settings = request.app.state.settings
    check_token(request.headers.get("authorization", ""), settings.webhook_token.get_secret_value())
    webhook = parse(await read(request))
    outcome = await run_in_threadpool(start_all, settings, webhook)
    if outcome.did_nothing:
        first = outcome.refused[0]
        raise ApiError(first["status"], first["code"], first["message"], first["what_to_do"], more=vars(outcome))
    return vars(outcome)


def check_token(header: str, expected: str) -> None:
    """Check the bearer token of a webhook.

    Raises:
        ApiError: 401 where it is missing or wrong, 503 where the platform has none to compare with.
    """
    if not expected:
        raise ApiError(503, "not_configured", "no webhook token is set", "set DEVMLOPS_WEBHOOK_TOKEN for the api-server")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
        raise ApiError(
            401,
            "unauthorized",
            "the webhook token is missing or wrong",
            "send the header Authorization: Bearer with the platform's webhook token",
            headers={"www-authenticate": "Bearer"},
        )


async def read(request: Request) -> bytes:
    """Return the request's body.

    Raises:
        ApiError: 413, it is larger than `MAX_BYTES`.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise ApiError(413, "too_large", f"the body is larger than {MAX_BYTES} bytes", "send fewer alerts at a time")
    return bytes(body)


def parse(body: bytes) -> Webhook:
    """Return the webhook in ``body``.

    Raises:
        ApiError: 422 with every problem and its place.
    """
    try:
        return Webhook.model_validate_json(body)
    except ValidationError as cause:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in cause.errors(include_url=False)]
        raise ApiError(
            422,
            "invalid",
            "; ".join(problems[:20]),
            "send Alertmanager's webhook body, version 4, as JSON",
            more={"problems": problems[:100]},
        ) from cause


def start_all(settings: Settings, webhook: Webhook) -> Outcome:
    """Start what the alerts ask for; one that cannot be served does not hold up the others."""
    outcome = Outcome()
    for index, alert in enumerate(webhook.alerts):
        project = alert.labels.get("project", "")
        if alert.status == "resolved":
            outcome.ignored.append({"alert_key": alert.key(), "project": project, "why": "resolved"})
            continue
        try:
            new, started = _start(settings, alert, project)
        except ApiError as error:
            outcome.refused.append({"alert": index, "status": error.status, **error.body()["error"]})
            continue
        (outcome.started if new else outcome.already_started).append(started)
    return outcome


def _start(settings: Settings, alert: OutsideAlert, project: str) -> tuple[bool, dict[str, str]]:
    """Start one run; return whether it is new, and what it is."""
    if not project:
        raise ApiError(422, "no_project", "labels.project is missing", "label the alerting rule with project: NAME")
    dag_id = f"{project}.retraining"
    if NAME.match(project) and not runs.exists(dag_id) and runs.exists(f"{project}.model_development"):
        advice = f"drop the label from the rule; after new data was collected, run {project}.model_development"
        raise ApiError(422, "no_retraining", f"project {project} learns without labels: nothing retrains it", advice)
    if not NAME.match(project) or not runs.exists(dag_id):
        raise ApiError(404, "unknown_project", f"there is no project {project[:60]!r} to retrain", "correct labels.project")
    run = {"project": project, "dag_id": dag_id, "run_id": alert.run_id(), "alert_key": alert.key()}
    conf = {"reason": alert.reason(), "alert_key": alert.key()}
    if runs.exists(dag_id, run["run_id"]):
        return False, run
    _audit(settings, dag_id, {**run, **conf, "labels": alert.labels})
    return runs.start(dag_id, run["run_id"], conf, ACTOR), run


def _audit(settings: Settings, dag_id: str, details: dict[str, Any]) -> None:
    from include.ledger import Ledger, LedgerError

    try:
        Ledger(settings.ledger()).audit(ACTOR, "alert.received", dag_id, details)
    except (LedgerError, OSError) as cause:
        raise ApiError(503, "ledger_down", "the ledger cannot be written, so nothing was started", "send it again") from cause
