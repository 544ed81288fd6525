from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from include.ledger import Ledger
from include.settings import Settings
from plugins.console import runs
from plugins.console.alerts import MAX_BYTES, OutsideAlert
from plugins.console.app import create_app
from plugins.console.errors import ApiError

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "Drift", "project": "digits"},
    "annotations": {"summary": "inputs changed"},
    "startsAt": "2026-11-20T10:00:00+09:00",
    "fingerprint": "abc",
}


class FakeAirflow:
    """The runs that were started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.error: ApiError | None = None
        monkeypatch.setattr(runs, "exists", self.exists)
        monkeypatch.setattr(runs, "start", self.start)

    def exists(self, dag_id: str, run_id: str | None = None) -> bool:
        return dag_id in ("digits.retraining", "flower_groups.model_development") and (run_id is None or run_id in self.runs)

    def start(self, dag_id: str, run_id: str, conf: dict[str, Any], by: str) -> bool:
        if self.error:
            raise self.error
        self.runs[run_id] = {"conf": conf, "by": by}
        return True


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    return FakeAirflow(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path, webhook_token=SecretStr("right"))
    Ledger(made.ledger()).migrate()
    return made


def post(settings: Settings, body: object, token: str | None = "right") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return TestClient(create_app(settings)).post("/v1/alerts/alertmanager", content=content, headers=headers)


def test_a_firing_alert_starts_a_run_and_leaves_an_audit_entry(airflow: FakeAirflow, settings: Settings) -> None:
    answer = post(settings, {"alerts": [ALERT]})
    assert answer.status_code == 200
    assert airflow.runs == {
        "alert__abc__20261120T010000": {"conf": {"reason": "Drift: inputs changed", "alert_key": "abc"}, "by": "alertmanager"}
    }
    entry = Ledger(settings.ledger()).audit_entries("digits.retraining")[-1]
    assert (entry.actor, entry.action, entry.details["alert_key"]) == ("alertmanager", "alert.received", "abc")


def test_the_same_alert_again_starts_nothing_and_is_not_audited_again(airflow: FakeAirflow, settings: Settings) -> None:
    post(settings, {"alerts": [ALERT]})
    again = post(settings, {"alerts": [ALERT, ALERT]}).json()
    assert again["started"] == []
    assert len(again["already_started"]) == 2
    assert len(Ledger(settings.ledger()).audit_entries("digits.retraining")) == 1


@pytest.mark.parametrize("token", [None, "", "wrong", "right-not"])
def test_a_wrong_token_is_a_401_before_anything_is_read(airflow: FakeAirflow, settings: Settings, token: str | None) -> None:
    answer = post(settings, b"not json", token)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert "right" not in answer.text.replace("right-not", "")


def test_without_a_token_of_its_own_the_platform_lets_nobody_in(airflow: FakeAirflow, tmp_path: Path) -> None:
    assert post(Settings(home=tmp_path), {"alerts": [ALERT]}, "").status_code == 503


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        ({"alerts": []}, "alerts"),
        ({"version": "3", "alerts": [ALERT]}, "version"),
        ({"alerts": [{**ALERT, "status": "maybe"}]}, "alerts.0.status"),
        ({"alerts": [{**ALERT, "startsAt": "yesterday"}]}, "alerts.0.startsAt"),
        ({"alerts": [{**ALERT, "labels": {"project": 5}}]}, "alerts.0.labels.project"),
    ],
)
def test_a_wrong_body_is_a_422_that_names_the_place(airflow: FakeAirflow, settings: Settings, body: object, where: str) -> None:
    answer = post(settings, body)
    assert answer.status_code == 422
    assert any(p.startswith(f"{where}: ") for p in answer.json()["problems"])
    assert airflow.runs == {}


def test_too_large_a_body_is_a_413(airflow: FakeAirflow, settings: Settings) -> None:
    assert post(settings, b"x" * (MAX_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("labels", "status", "code"),
    [
        ({}, 422, "no_project"),
        ({"project": "other"}, 404, "unknown_project"),
        ({"project": "../digits"}, 404, "unknown_project"),
        ({"project": "flower_groups"}, 422, "no_retraining"),
    ],
)
def test_an_alert_without_a_known_project(
    airflow: FakeAirflow, settings: Settings, labels: dict[str, str], status: int, code: str
) -> None:
    answer = post(settings, {"alerts": [{**ALERT, "labels": labels}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_one_bad_alert_does_not_hold_up_the_good_one(airflow: FakeAirflow, settings: Settings) -> None:
    answer = post(settings, {"alerts": [{**ALERT, "labels": {}}, ALERT, {**ALERT, "status": "resolved"}]})
    assert answer.status_code == 200
    assert [len(answer.json()[k]) for k in ("started", "ignored", "refused")] == [1, 1, 1]


def test_what_airflow_refuses_is_told(airflow: FakeAirflow, settings: Settings) -> None:
    airflow.error = ApiError(422, "invalid_conf", "reason is too long", "shorten it")
    assert post(settings, {"alerts": [ALERT]}).json()["error"]["message"] == "reason is too long"


@pytest.mark.parametrize("ledger", ["/proc/no/such/ledger.db", "{tmp}/damaged.db"])
def test_with_the_ledger_down_nothing_is_started(airflow: FakeAirflow, tmp_path: Path, ledger: str) -> None:
    (tmp_path / "damaged.db").write_text("this is no database" * 100)
    url = SecretStr(f"sqlite:///{ledger.format(tmp=tmp_path)}")
    settings = Settings(home=tmp_path, webhook_token=SecretStr("right"), ledger_url=url)
    assert post(settings, {"alerts": [ALERT]}).status_code == 503
    assert airflow.runs == {}


def test_the_run_id_suits_airflow_whatever_the_fingerprint_is() -> None:
    odd = OutsideAlert(**{**ALERT, "fingerprint": "a/b c"})
    none = OutsideAlert(**{**ALERT, "fingerprint": ""})
    other = OutsideAlert(**{**ALERT, "fingerprint": "", "labels": {"project": "x"}})
    assert odd.run_id().isascii()
    assert " " not in odd.run_id()
    assert len({odd.key(), none.key(), other.key(), "abc"}) == 4


def test_a_long_summary_is_cut_to_what_the_dag_takes() -> None:
    assert len(OutsideAlert(**{**ALERT, "annotations": {"summary": "x" * 2000}}).reason()) == 500
