"""Drift alerts: one record in the ledger, one message in Slack."""

from __future__ import annotations

from typing import Any

from include.clients.mlflow import public
from include.clients.slack import SlackClient, SlackError, escape
from include.ledger import Ledger
from include.monitoring.errors import MonitoringError
from include.monitoring.windows import KIND, Drift, alert_key
from include.projects.project import Project
from include.settings import Settings

CRITICAL_TIMES = 5
CRITICAL_CONFIDENCE_DROP = 0.2


def severity(drift: Drift) -> str:
    """Return ``critical`` for five times the threshold or a fifth less confidence, else ``warning``."""
    drop = drift.confidence.get("drop") or 0
    return "critical" if drift.score >= CRITICAL_TIMES * drift.threshold or drop >= CRITICAL_CONFIDENCE_DROP else "warning"


def raise_drift_alert(settings: Settings, project: Project, drift: Drift | dict[str, Any]) -> dict[str, Any]:
    """Record a drift and tell people.

    While an alert of the release is open the same alert counts on, and Slack gets it only if it has not had it
    yet: a task that died in between tells on its next try. A Slack that fails is noted in the alert, never raised.

    Args:
        settings: give the ledger and, where there is a token, Slack.
        project: the project.
        drift: of `watch`, or its ``to_dict``.

    Returns:
        ``alert_id``, ``new`` (whether it was raised now), ``severity`` and ``slack`` (sent, skipped or the failure).

    Raises:
        MonitoringError: ``drift`` is none, or another project's.
    """
    found = drift if isinstance(drift, Drift) else Drift.from_dict(drift)
    if found.project != project.name:
        raise MonitoringError(f"this is drift of project {found.project}, not of {project.name}: give the drift's own project")
    ledger, level = Ledger(settings.ledger()), severity(found)
    alert = ledger.raise_alert(project.name, KIND, alert_key(found.release_id), level, message(project, found), found.to_dict())
    slack = _tell(settings, project, found, alert.id, level, alert.details.get("slack"))
    if slack != alert.details.get("slack"):
        ledger.update_alert(alert.id, slack=slack)
    return {"alert_id": alert.id, "new": alert.new, "severity": level, "slack": slack}


def message(project: Project, drift: Drift) -> str:
    """Return the alert in one sentence."""
    top = ", ".join(str(f["name"]) for f in drift.top_features[:3])
    return (
        f"{project.title}: drift score {drift.score:.2f} (limit {drift.threshold:g}) in {len(drift.windows)} windows, "
        f"{drift.rows} rows, of release {drift.release_id}; moved most: {top or 'nothing named'}"
    )


def _tell(
    settings: Settings, project: Project, drift: Drift, alert_id: Any, level: str, before: dict[str, Any] | None
) -> dict[str, Any]:
    client = SlackClient(settings)
    if before and before.get("sent"):
        return before
    if not client.enabled:
        return {"sent": False, "skipped": "no Slack token is set"}
    try:
        return {"sent": True, **client.send(escape(message(project, drift)), blocks(settings, project, drift, alert_id, level))}
    except SlackError as error:
        return {"sent": False, "error": str(error)}


def blocks(settings: Settings, project: Project, drift: Drift, alert_id: Any, level: str) -> list[dict[str, Any]]:
    """Return the Slack message as Block Kit blocks, every text escaped."""

    def text(kind: str, value: str) -> dict[str, Any]:
        return {"type": kind, "text": value}

    def number(value: Any) -> str:
        return "unknown" if value is None else f"{value:.2f}"

    features = ", ".join(f"`{escape(f['name'])}` {f['psi']:.2f}" for f in drift.top_features[:5])
    fields = [
        f"*Score*\n{drift.score:.2f} (limit {drift.threshold:g})",
        f"*Release*\n{escape(drift.release_id)}",
        f"*Windows*\n{drift.windows[0]}-{drift.windows[-1]} ({drift.rows} rows)",
        f"*Confidence*\n{number(drift.confidence.get('before'))} -> {number(drift.confidence.get('now'))}".replace("->", "→"),
    ]
    airflow, mlflow = (public(url).rstrip("/") for url in (settings.airflow_url, settings.mlflow_url))
    # Without true answers there is no retraining: a model of newer data is what answers a drift.
    name, shown = ("retraining", "Retraining") if project.has_true_answers else ("model_development", "Model development")
    links = f"<{airflow}/dags/{project.name}.{name}|{shown} in Airflow>  ·  <{mlflow}/#/experiments|Reports in MLflow>"
    return [
        {"type": "header", "text": text("plain_text", f"{level}: drift in {project.title}"[:150])},
        {"type": "section", "fields": [text("mrkdwn", f) for f in fields]},
        {"type": "section", "text": text("mrkdwn", f"Moved most: {features or 'nothing named'}"[:3000])},
        {"type": "section", "text": text("mrkdwn", links)},
        {"type": "context", "elements": [text("mrkdwn", f"alert {escape(alert_id)} · {escape(drift.at)}")]},
    ]
