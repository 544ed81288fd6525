"""The report of an alert: frames, Evidently's page, picture, and the link in the alert."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.inference import end_cursor
from include.ledger import Ledger
from include.monitoring.alerts import raise_drift_alert
from include.monitoring.errors import MonitoringError
from include.monitoring.report import build_report, current_frame, evidently_report, frame
from include.monitoring.windows import watch
from include.projects import Project
from include.settings import Settings


def rows(project: Project, n: int, shift: float = 0, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    contents = rng.normal(8 + shift, 3, (n, 4, 4))
    return frame(project, contents, [project.classes[i] for i in rng.integers(3, size=n)], rng.uniform(0.5, 1, n))


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for data and training."""
    importlib.import_module("include.data.access")  # the audit log of reading stays the real one
    contents = np.random.default_rng(3).normal(8, 3, (300, 4, 4))
    data, training = ModuleType("include.data"), ModuleType("include.training")
    data.load_part = lambda settings, project, split, part: SimpleNamespace(contents=contents, labels=np.zeros(300, int))  # type: ignore[attr-defined]
    training.load_model = lambda settings, project, version: "model"  # type: ignore[attr-defined]
    training.model_info = lambda settings, project, version: {
        "data": {"split_digest": "x", "zone": "dev", "repository": "digits-dev", "version": "v1"}
    }  # type: ignore[attr-defined]
    training.predict = lambda model, project, contents: np.tile([0.8, 0.1, 0.1], (len(contents), 1))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.data", data)
    monkeypatch.setitem(sys.modules, "include.training", training)


def test_evidently_finds_what_moved(project: Project) -> None:
    page, summary = build_report(rows(project, 200), rows(project, 100, shift=4, seed=1), "Shapes 도형")
    assert page.lstrip().startswith(b"<") and len(page) > 100_000
    assert summary["columns"] == 8 and 5 <= summary["drifted_columns"] <= 8
    assert summary["drift"]["mean"] > 1 > summary["drift"]["prediction"] and set(summary["drift"]) >= {"corner_0", "confidence"}


def test_a_feature_without_any_number_is_left_out_and_named(project: Project) -> None:
    reference, current = rows(project, 60), rows(project, 60, seed=1)
    current["spread"] = np.inf
    current = current.replace(np.inf, np.nan)
    _, summary = build_report(reference, current, "t")
    assert summary["empty_columns"] == ["spread"] and summary["columns"] == 7


def test_frames_that_do_not_fit_are_told(project: Project) -> None:
    reference = rows(project, 30)
    with pytest.raises(MonitoringError, match="different columns"):
        build_report(reference, reference.drop(columns="mean"), "t")
    with pytest.raises(MonitoringError, match="needs reference rows and current rows"):
        build_report(reference, reference.iloc[:0], "t")


def test_current_rows_are_those_of_the_release_between_the_cursors(
    settings: Settings, project: Project, traffic: Any, ledger: Ledger
) -> None:
    traffic.send(10)
    start = end_cursor(settings.prediction_log, project.name)
    traffic.send(20, batch=4)
    traffic.send(5, route="staging")
    traffic.send(5, release="shapes-r0002")
    end = end_cursor(settings.prediction_log, project.name)
    traffic.send(10)
    table = current_frame(settings, project, "shapes-r0001", start, end)
    assert len(table) == 20 and list(table.columns)[-2:] == ["prediction", "confidence"]
    assert set(table["prediction"]) <= set(project.classes) and table["confidence"].between(0.89, 0.91).all()
    with pytest.raises(MonitoringError, match="no rows of shapes-r0001"):
        current_frame(settings, project, "shapes-r0001", end, end)


def test_no_more_than_report_rows(settings: Settings, project: Project, traffic: Any, ledger: Ledger) -> None:
    traffic.send(150, batch=50)
    assert len(current_frame(settings, project, "shapes-r0001", "1:0", end_cursor(settings.prediction_log, project.name))) == 120


@pytest.mark.integration
def test_the_report_is_kept_in_mlflow_and_linked(
    settings: Settings,
    project: Project,
    ledger: Ledger,
    traffic: Any,
    put_on_production: Any,
    engines: None,
    mlflow_server: Any,
) -> None:
    here = settings.model_copy(update={"mlflow_url": mlflow_server.url})
    release = put_on_production("run-1")
    traffic.send(100, shift=5)
    drift = watch(here, project)
    assert drift is not None
    alert_id = raise_drift_alert(here, project, drift)["alert_id"]
    report = evidently_report(here, project, alert_id)
    assert report["rows"] == 100 and report["reference_rows"] == 120 and report["drifted_columns"] >= 5
    assert ledger.alert(alert_id).details["report"] == report
    client = mlflow_client(here)
    run = client.get_run(report["run_id"])
    assert run.data.tags["alert_id"] == str(alert_id) and run.data.tags["release_id"] == release
    assert b"<html" in read_file(client, report["run_id"], "report.html")[:2000].lower()
    assert read_file(client, report["run_id"], "scores.png").startswith(b"\x89PNG")
    assert evidently_report(here, project, alert_id)["run_id"] == report["run_id"]


def test_an_alert_of_another_kind_or_project_is_told(settings: Settings, project: Project, ledger: Ledger) -> None:
    other = ledger.raise_alert(
        "other", "drift", "k", "warning", "m", {"release_id": "x", "start_cursor": "1:0", "end_cursor": "1:1"}
    )
    outside = ledger.raise_alert(project.name, "webhook", "k", "warning", "m", {})
    for alert in (other, outside):
        with pytest.raises(MonitoringError, match=f"alert {alert.id} is no drift alert of shapes"):
            evidently_report(settings, project, alert.id)
