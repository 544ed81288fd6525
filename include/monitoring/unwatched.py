"""Production that cannot be watched is an alert of its own, open until somebody looks at rows again."""

from __future__ import annotations

from typing import Any

from include.clients.slack import SlackClient, SlackError, escape
from include.ledger import Ledger
from include.projects.project import Project
from include.settings import Settings

KIND = "unwatched"
BY = "the watch goes on"


def raise_unwatched(settings: Settings, project: Project, problem: str) -> dict[str, Any]:
    """Record that a project's production is not watched, and tell Slack once where there is a token.

    Args:
        settings: give the ledger and Slack.
        project: the project.
        problem: why, and what to do.

    Returns:
        ``alert_id``, and ``new``: while one is open the same alert counts on.
    """
    ledger = Ledger(settings.ledger())
    message = f"{project.title}: production is not watched for drift. {problem}"
    alert = ledger.raise_alert(project.name, KIND, KIND, "critical", message, {"problem": problem})
    client = SlackClient(settings)
    if client.enabled and not (alert.details.get("slack") or {}).get("sent"):
        try:
            told: dict[str, Any] = {"sent": True, **client.send(escape(message))}
        except SlackError as error:
            told = {"sent": False, "error": str(error)}
        ledger.update_alert(alert.id, slack=told)
    return {"alert_id": alert.id, "new": alert.new}


def close_unwatched(settings: Settings, project: Project) -> list[int]:
    """Close the alerts that production is not watched; return their ids."""
    ledger = Ledger(settings.ledger())
    found = [alert.id for alert in ledger.alerts(project.name, state="open") if alert.kind == KIND]
    for alert_id in found:
        ledger.close_alert(alert_id, None, BY)
    return found
