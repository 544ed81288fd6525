"""One alert and one message a drift, whatever Slack does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from include.clients.slack import SlackClient, SlackError
from include.ledger import Ledger
from include.monitoring.alerts import blocks, raise_drift_alert, severity
from include.monitoring.errors import MonitoringError
from include.monitoring.unwatched import close_unwatched, raise_unwatched
from include.monitoring.windows import Drift
from include.projects import Project
from include.settings import Settings

DRIFT = Drift(
    project="shapes",
    release_id="shapes-r0001",
    windows=[3, 4],
    scores=[0.5, 0.7],
    score=0.6,
    threshold=0.2,
    top_features=[{"name": "<!channel> & 평균", "psi": 1.25}],
    labels={"psi": 0.1},
    confidence={"before": 0.9, "now": 0.8, "drop": 0.1},
    rows=100,
    start_cursor="1:10",
    end_cursor="1:99",
    at="2026-01-01T00:00:00+00:00",
)


class Slack:
    """Stands for Slack: keeps what is sent, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[Any] = []
        self.error: SlackError | None = None
        slack = self

        def send(self: SlackClient, text: str, blocks: Any = None, channel: str | None = None) -> dict[str, str]:
            if slack.error:
                raise slack.error
            slack.sent.append((text, blocks))
            return {"channel": "C1", "ts": "1.2"}

        monkeypatch.setattr(SlackClient, "send", send)


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Slack:
    return Slack(monkeypatch)


@pytest.fixture
def told(settings: Settings) -> Settings:
    """Settings with a Slack token."""
    return settings.model_copy(update={"slack_token": SecretStr("xoxb-secret")})


def test_an_alert_is_recorded_and_told_once(told: Settings, project: Project, ledger: Ledger, slack: Slack) -> None:
    first = raise_drift_alert(told, project, DRIFT)
    again = raise_drift_alert(told, project, DRIFT.to_dict())
    assert first == {
        "alert_id": first["alert_id"],
        "new": True,
        "severity": "warning",
        "slack": {"sent": True, "channel": "C1", "ts": "1.2"},
    }
    assert again == first | {"new": False} and len(slack.sent) == 1
    (alert,) = ledger.alerts("shapes")
    assert alert.details["windows"] == [3, 4] and alert.details["start_cursor"] == "1:10" and alert.count == 2
    assert alert.message.startswith("Shapes: drift score 0.60 (limit 0.2) in 2 windows, 100 rows, of release shapes-r0001")


def test_without_a_token_nothing_is_sent(settings: Settings, project: Project, ledger: Ledger, slack: Slack) -> None:
    result = raise_drift_alert(settings, project, DRIFT)
    assert result["new"] and result["slack"] == {"sent": False, "skipped": "no Slack token is set"} and not slack.sent


def test_a_failing_slack_is_noted_and_tried_again(told: Settings, project: Project, ledger: Ledger, slack: Slack) -> None:
    slack.error = SlackError("unreachable")
    first = raise_drift_alert(told, project, DRIFT)
    assert first["new"] and "unreachable" in first["slack"]["error"]
    assert ledger.alert(first["alert_id"]).details["slack"] == first["slack"]
    slack.error = None
    assert raise_drift_alert(told, project, DRIFT)["slack"]["sent"]
    assert ledger.alert(first["alert_id"]).details["slack"]["sent"] and len(slack.sent) == 1


def test_a_task_that_dies_before_slack_tells_on_its_next_try(
    told: Settings, project: Project, ledger: Ledger, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SlackClient, "send", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            raise_drift_alert(told, project, DRIFT)
    result = raise_drift_alert(told, project, DRIFT)
    assert not result["new"] and result["slack"]["sent"] and len(slack.sent) == 1


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({}, "warning"),
        ({"score": 1.0}, "critical"),
        ({"confidence": {"drop": 0.3}}, "critical"),
        ({"confidence": {"drop": None}}, "warning"),
    ],
)
def test_severity(change: dict[str, Any], level: str) -> None:
    assert severity(Drift.from_dict(DRIFT.to_dict() | change)) == level


def test_the_message_is_escaped_and_links_carry_no_password(project: Project, settings: Settings) -> None:
    secret = settings.model_copy(update={"mlflow_url": "http://user:hidden@mlflow:5000/", "airflow_url": "http://air:8080"})
    made = json.dumps(blocks(secret, project, DRIFT, 7, "warning"), ensure_ascii=False)
    assert "&lt;!channel&gt; &amp; 평균" in made and "<!channel>" not in made
    assert "hidden" not in made and "<http://air:8080/dags/shapes.retraining|" in made and "http://mlflow:5000/#/" in made
    alone = json.dumps(blocks(secret, project.model_copy(update={"task": "clustering"}), DRIFT, 7, "warning"))
    assert "retraining" not in alone and "<http://air:8080/dags/shapes.model_development|" in alone


def test_a_project_title_cannot_make_slack_markup(told: Settings, project: Project, ledger: Ledger, slack: Slack) -> None:
    raise_drift_alert(told, project.model_copy(update={"title": "<!here>"}), DRIFT)
    assert slack.sent[0][0].startswith("&lt;!here&gt;")


def test_what_is_no_drift_is_told(settings: Settings, project: Project, ledger: Ledger) -> None:
    with pytest.raises(MonitoringError, match="no drift as watch gives it"):
        raise_drift_alert(settings, project, {"score": 1})
    with pytest.raises(MonitoringError, match="drift of project other"):
        raise_drift_alert(settings, project, DRIFT.to_dict() | {"project": "other"})
    assert ledger.alerts("shapes") == []


def test_production_that_is_not_watched_is_told_once_and_closed_alone(
    told: Settings, project: Project, ledger: Ledger, slack: Slack
) -> None:
    slack.error = SlackError("rate limit")
    first = raise_unwatched(told, project, "its code <is> gone")
    slack.error = None
    assert raise_unwatched(told, project, "its code is gone") == first | {"new": False} and first["new"]
    raise_unwatched(told, project, "its code is gone")
    ((text, _),) = slack.sent
    assert text == "Shapes: production is not watched for drift. its code is gone"
    drift = raise_drift_alert(told, project, DRIFT)["alert_id"]
    assert close_unwatched(told, project) == [first["alert_id"]] and close_unwatched(told, project) == []
    assert [alert.id for alert in ledger.alerts("shapes", state="open")] == [drift]
    assert raise_unwatched(told, project, "again")["new"]
