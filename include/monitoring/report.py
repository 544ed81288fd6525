"""The long report of an alert: Evidently's page over the drifted rows, and the scores over the windows, in MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from include.inference import cursor_key, read
from include.ledger import Ledger
from include.monitoring.drift import predictions_of
from include.monitoring.errors import MonitoringError
from include.monitoring.logged import Rows, answered, first_of, rows_of, together
from include.monitoring.pictures import plot_scores
from include.monitoring.sketch import measure
from include.monitoring.store import monitoring_run
from include.monitoring.windows import ROUTE, as_released
from include.projects.project import Project
from include.settings import Settings

if TYPE_CHECKING:
    from pandas import DataFrame

PREDICTION, CONFIDENCE = "prediction", "confidence"
SHOWN_WINDOWS = 100


def evidently_report(settings: Settings, project: Project, alert_id: int | str) -> dict[str, Any]:
    """Write the report of a drift alert and link it in the alert.

    The reference is the test part of the model's split as the model answers it, the current rows are those of the
    drifted windows out of the log, at most ``report_rows`` of each. Again for the same alert writes the same run.

    Args:
        settings: give the ledger, the log, MLflow and the data repository.
        project: the project.
        alert_id: of `raise_drift_alert`.

    Returns:
        ``run_id``, ``url``, ``rows`` (current), ``reference_rows``, ``drifted_columns`` and ``columns``; the same is
        kept in the alert's details under ``report``.

    Raises:
        MonitoringError: the alert is another project's or no drift alert, or its rows are gone from the log.
        NotReleased: the code that the release was made with is not there.
        MlflowError: MLflow did not answer.
    """
    ledger = Ledger(settings.ledger())
    alert = ledger.alert(int(alert_id))
    details = alert.details
    if alert.project != project.name or not {"release_id", "start_cursor", "end_cursor"} <= details.keys():
        raise MonitoringError(f"alert {alert_id} is no drift alert of {project.name}: give the id of one")
    release_id = details["release_id"]
    project = as_released(settings, project, release_id)
    current = current_frame(settings, project, release_id, details["start_cursor"], details["end_cursor"])
    known = reference_frame(settings, project, ledger.release(release_id).model)
    windows = ledger.windows(project.name, release_id, last=SHOWN_WINDOWS)
    page, summary = build_report(known, current, project.title)
    with monitoring_run(
        settings, project, f"drift alert {alert_id}", {"kind": "drift", "alert_id": str(alert_id), "release_id": release_id}
    ) as run:
        run.file("report.html", page)
        run.file("scores.png", plot_scores(windows, project.monitoring.threshold, details.get("windows", [])))
        run.metrics({"score": float(details.get("score", 0)), "drifted_columns": summary["drifted_columns"]})
    report = {"run_id": run.run_id, "url": run.url, "rows": len(current), "reference_rows": len(known), **summary}
    ledger.update_alert(alert.id, report=report)
    return report


def current_frame(settings: Settings, project: Project, release_id: str, start: str, end: str) -> DataFrame:
    """Return features and answers of a release's production rows between two cursors of the log.

    Args:
        settings: give the log.
        project: the project.
        release_id: whose answers.
        start: cursor before the first row.
        end: cursor behind the last row.

    Raises:
        MonitoringError: there are none.
    """
    parts: list[Rows] = []
    found = 0
    last = cursor_key(end)
    for record, cursor in read(settings.prediction_log, project.name, start):
        if cursor_key(cursor) > last or found >= project.monitoring.report_rows:
            break
        if record.get("route") != ROUTE or record.get("release_id") != release_id:
            continue
        try:
            parts.append(rows_of(project, record))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        found += len(parts[-1].labels)
    if not parts:
        raise MonitoringError(
            f"the prediction log has no rows of {release_id} between {start} and {end}: were its files moved? "
            f"put them back under {settings.prediction_log / project.name}"
        )
    rows = first_of(together(parts), project.monitoring.report_rows)
    return frame(project, rows.contents, rows.labels, rows.confidence, rows.names, rows.said)


def reference_frame(settings: Settings, project: Project, model: dict[str, Any]) -> DataFrame:
    """Return features and answers of the model's test part, a seeded sample where it has more than ``report_rows``.

    Args:
        settings: give MLflow and the data repository.
        project: the project.
        model: ``model`` of the ledger's release: ``version`` and more.
    """
    from include.data import load_part
    from include.data.access import note_access
    from include.training import load_model, model_info, predict

    version = model["version"]
    split = model_info(settings, project, version)["data"]
    note_access(settings, project, "data.read", split, None, via="job drift_report")
    part = load_part(settings, project, split, "test")
    contents = part.contents
    if len(contents) > (limit := project.monitoring.report_rows):
        chosen = np.sort(np.random.default_rng(0).choice(len(contents), limit, replace=False))
        contents = contents.iloc[chosen].reset_index(drop=True) if hasattr(contents, "iloc") else contents[chosen]
    outputs = np.asarray(predict(load_model(settings, project, version), project, contents))
    if project.task == "classification":
        return frame(project, contents, [project.classes[i] for i in outputs.argmax(1)], outputs.max(1))
    names, said, confidence = answered(predictions_of(project, outputs))
    return frame(project, contents, [""] * len(said), confidence, names, said)


def frame(
    project: Project,
    contents: Any,
    labels: Sequence[str],
    confidence: np.ndarray,
    names_said: Sequence[str] = (),
    said: np.ndarray | None = None,
) -> DataFrame:
    """Return one row an item: its features, the predicted class and the confidence, or what else the release said.

    Args:
        project: gives the features.
        contents: items (n), of any kind.
        labels: predicted class names, n.
        confidence: highest probability, float (n,).
        names_said: names of what was said in tasks other than classification.
        said: those numbers, float (n, names).
    """
    import pandas as pd

    names, values = measure(project, contents)
    table = pd.DataFrame(values, columns=names).replace([np.inf, -np.inf], np.nan)
    if project.task != "classification":
        return table if said is None else table.assign(**{name: said[:, place] for place, name in enumerate(names_said)})
    return table.assign(**{PREDICTION: list(labels), CONFIDENCE: np.asarray(confidence, float)})


def build_report(reference: DataFrame, current: DataFrame, title: str) -> tuple[bytes, dict[str, Any]]:
    """Run Evidently's drift preset by PSI, the measure that the windows are watched with.

    Args:
        reference: of `frame`.
        current: of `frame`, with the same columns.
        title: of the page.

    Returns:
        The page as HTML (one file, about 6 MB), and ``drifted_columns``, ``columns``, ``drift`` (PSI of each column).

    Raises:
        MonitoringError: no rows, or the columns differ.
    """
    if list(reference.columns) != list(current.columns):
        different = sorted(set(reference.columns) ^ set(current.columns))
        raise MonitoringError(
            f"reference and current rows have different columns ({', '.join(different)}): make both with one project"
        )
    if reference.empty or current.empty:
        raise MonitoringError("a report needs reference rows and current rows: wait for traffic")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    # Evidently cannot bin a column without any number; what is empty on one side has nothing to compare.
    empty = [c for c in reference.columns if reference[c].isna().all() or current[c].isna().all()]
    columns = [c for c in reference.columns if c not in empty]
    definition = DataDefinition(
        numerical_columns=[c for c in columns if c != PREDICTION], categorical_columns=[c for c in columns if c == PREDICTION]
    )
    then, now = (Dataset.from_pandas(part[columns], data_definition=definition) for part in (reference, current))
    report = Report([DataDriftPreset(columns=columns, method="psi")], metadata={"title": title})
    snapshot = report.run(now, then)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "report.html"
        snapshot.save_html(str(file))
        page = file.read_bytes()
    return page, {**_summary(snapshot.dict(), len(columns)), "empty_columns": empty}


def _summary(result: dict[str, Any], columns: int) -> dict[str, Any]:
    drift: dict[str, float] = {}
    drifted = 0
    for metric in result["metrics"]:
        config = metric.get("config", {})
        kind = str(config.get("type", ""))
        if kind.endswith(":ValueDrift"):
            drift[str(config["column"])] = round(float(metric["value"]), 4)
        elif kind.endswith(":DriftedColumnsCount"):
            drifted = int(metric["value"]["count"])
    return {"drifted_columns": drifted, "columns": columns, "drift": drift}
