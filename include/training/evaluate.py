"""Evaluation of a trained model on the test part, beside a simple model trained on the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import log_file, log_metrics, log_params, mlflow_client, mlflow_errors
from include.projects import Project, ProjectError
from include.projects.tasks import UNLABELLED
from include.reports.links import mlflow_run_url
from include.settings import Settings
from include.training import parts as data
from include.training.baseline import baseline
from include.training.bias import bias, figures
from include.training.errors import InputError
from include.training.evaluation_report import pictures, report_page, verdict
from include.training.explain import explain
from include.training.intervals import bootstrap, wilson
from include.training.learners import Fitted, predict
from include.training.metrics import calibration, registered
from include.training.models import PARAMS, load_run, read_file_of
from include.training.parts import Arrays
from include.training.slices import sliced, ways

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

SKETCH = "reference_sketch.json"
REPORT = "reports/evaluation.html"


def _say(line: str) -> None:
    print(line, flush=True)


def evaluate(
    settings: Settings, project: Project, split: Mapping[str, Any], run_id: str, tell: Callable[[str], None] = _say
) -> dict[str, Any]:
    """Measure a trained model on the test part, and log metrics, slices, plots, report and reference sketch to its run.

    Args:
        settings: of the product.
        project: the project.
        split: reference to the split that the model was trained on.
        run_id: of `train`.
        tell: takes one line of progress.

    Returns:
        ``run_id``, ``metrics`` (each registered metric of the task with ``_low`` and ``_high``, the ends of its 95 %
        interval, ``rows``, the same of the baseline as ``baseline_...``, and ``bias_...``), ``per_class``, which is
        empty in regression, and ``report``, the report's address.

    Raises:
        InputError: the run holds no model, its outputs are not finite, a metric of the project fails, or the split
            cannot be used.
        MlflowError: MLflow went away.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"evaluate run {run_id}"):
        arrays = data.load(settings, project, split)
        if project.task in UNLABELLED:
            made = assess_unlabelled(client, project, arrays, run_id, tell)
        else:
            made = assess(client, project, arrays, run_id, ways(settings, project, arrays["test"], split), tell)
        place = client.get_run(run_id).info.experiment_id
        return {**made, "report": mlflow_run_url(settings, place, run_id, REPORT)}


def assess(
    client: MlflowClient,
    project: Project,
    arrays: Mapping[str, Arrays],
    run_id: str,
    by: Mapping[str, list[str]] | None = None,
    tell: Callable[[str], None] = _say,
) -> dict[str, Any]:
    """Evaluate over arrays that are loaded already, sliced by ``by`` (`include.training.slices.ways`); as `evaluate`."""
    fitted, test = load_run(client, project, run_id), arrays["test"]
    outputs = checked(project, predict(fitted, project, test.contents), len(test.labels))
    report = measure(project, test.labels, outputs)
    simple, guess = baseline(project, arrays)
    for name, value in measure(project, test.labels, guess, resamples=0)["metrics"].items():
        if name != "rows":
            report["metrics"][f"baseline_{name}"] = value
    given = ways(None, project, test, None) if by is None else by
    report["baseline"] = simple
    report["slices"] = sliced(project, test.labels, outputs, given)
    report["bias"] = bias(project, test.labels, outputs, given)
    report["metrics"] |= figures(report["bias"])
    explained = explain(project, fitted, arrays)
    report |= explained.record()
    report["notes"] += explained.notes
    sketch, why = _sketch(project, fitted, arrays)
    report["notes"] += [why] if why else []
    for note in report["notes"]:
        tell(f"note: {note}")

    metrics = {name if name.startswith("baseline_") else f"test_{name}": v for name, v in report["metrics"].items()}
    tell(verdict(project, report["metrics"])[0])
    log_metrics(client, run_id, metrics)
    log_params(client, run_id, {"baseline": simple})
    client.log_dict(run_id, report, "evaluation/evaluation.json")
    drawn = {**pictures(project, test.labels, outputs, report), **explained.plots}
    for name, picture in drawn.items():
        log_file(client, run_id, f"plots/{name}.png", picture)
    log_file(client, run_id, REPORT, report_page(project, run_id, report, drawn).encode())
    if sketch is not None:
        log_file(client, run_id, SKETCH, sketch.encode())
    return {"run_id": run_id, "metrics": report["metrics"], "per_class": report["per_class"]}


def assess_unlabelled(
    client: MlflowClient, project: Project, arrays: Mapping[str, Arrays], run_id: str, tell: Callable[[str], None] = _say
) -> dict[str, Any]:
    """Evaluate what learnt without labels, over arrays that are loaded already; as `evaluate`."""
    from include.training import unlabelled, unlabelled_report

    fitted = load_run(client, project, run_id)
    params = json.loads(read_file_of(client, run_id, PARAMS))
    found, explained = unlabelled.measure(project, fitted, params, arrays), explain(project, fitted, arrays)
    found.notes += explained.notes
    for note in found.notes:
        tell(f"note: {note}")
    metrics = {name if name.startswith("baseline_") else f"test_{name}": v for name, v in found.metrics.items()}
    tell(verdict(project, found.metrics)[0])
    log_metrics(client, run_id, metrics)
    log_params(client, run_id, {"baseline": found.baseline})
    report = {
        "metrics": found.metrics,
        "baseline": found.baseline,
        "notes": found.notes,
        "per_class": [],
        "slices": [],
        "bias": {},
        **explained.record(),
    }
    client.log_dict(run_id, report, "evaluation/evaluation.json")
    drawn = unlabelled_report.pictures(project, found)
    for name, picture in {**drawn, **explained.plots}.items():
        log_file(client, run_id, f"plots/{name}.png", picture)
    log_file(client, run_id, REPORT, unlabelled_report.report_page(project, run_id, found, drawn, explained).encode())
    sketch, why = _sketch(project, fitted, arrays)
    if sketch is not None:
        log_file(client, run_id, SKETCH, sketch.encode())
    else:
        tell(f"note: {why}")
    return {"run_id": run_id, "metrics": found.metrics, "per_class": []}


def checked(project: Project, outputs: np.ndarray, rows: int) -> np.ndarray:
    """Return a model's outputs for a part after making sure that they can be measured.

    Raises:
        InputError: another shape, values that are not finite, or no probabilities.
    """
    import numpy as np

    outputs = np.asarray(outputs)
    wanted = (rows, len(project.classes)) if project.task == "classification" else (rows,)
    if outputs.shape != wanted:
        raise InputError(f"the model of {project.name} gives outputs {outputs.shape} for the test part; wanted {wanted}")
    wrong = int((~np.isfinite(outputs.reshape(rows, -1)).all(1)).sum())
    if wrong:
        raise InputError(
            f"the model of {project.name} gives outputs that are not finite for {wrong} of {rows} rows: train it anew"
        )
    if project.task == "classification" and (outputs.min() < -1e-4 or np.abs(outputs.sum(1) - 1).max() > 1e-2):
        raise InputError(f"the model of {project.name} gives outputs that are no probabilities: rows must sum to 1")
    return outputs


def measure(project: Project, labels: np.ndarray, outputs: np.ndarray, resamples: int = 200) -> dict[str, Any]:
    """Compute every figure of an evaluation.

    Args:
        project: gives the task, the classes and metrics of its own.
        labels: true class indices, or numbers (n,).
        outputs: probabilities of the model (n, classes), or numbers (n,).
        resamples: how often rows are drawn for the intervals; 0 leaves intervals out.

    Returns:
        ``metrics``, ``notes`` (what could not be measured and why); for classification also ``per_class`` (class,
        rows, precision, recall, f1), ``confusion`` (true classes down) and ``calibration`` (bins of confidence).

    Raises:
        InputError: a metric of the project fails, or gives something else than a finite number.
    """
    metrics: dict[str, Any] = {}
    notes: list[str] = []
    for name, metric in registered(project).items():
        value = metric.function(labels, outputs)
        if not math.isfinite(value):
            if metric.own:
                raise InputError(f"metrics.{name} of {project.name} gave {value} for the test part; wanted a finite number")
            notes.append(f"{name} says nothing about this test part ({metric.what})")
            continue
        metrics[name] = value
        if resamples:
            ends = (
                wilson(round(value * len(labels)), len(labels))
                if name == "accuracy"
                else bootstrap(metric.function, labels, outputs, resamples=resamples)
            )
            if ends:
                metrics[f"{name}_low"], metrics[f"{name}_high"] = ends
            else:
                notes.append(f"{name} has no interval: too few rows, or too slow to draw them again and again")
    report: dict[str, Any] = {"metrics": metrics | {"rows": len(labels)}, "per_class": [], "notes": notes}
    return report | (_classes(project.classes, labels, outputs) if project.task == "classification" else {})


def _classes(classes: list[str], labels: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    import numpy as np

    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(matrix, (labels, outputs.argmax(1)), 1)
    per_class = [_class_row(matrix, place, name) for place, name in enumerate(classes)]
    return {"per_class": per_class, "confusion": matrix.tolist(), "calibration": calibration(labels, outputs)[0]}


def _class_row(matrix: np.ndarray, place: int, name: str) -> dict[str, Any]:
    hit, true, said = int(matrix[place, place]), int(matrix[place].sum()), int(matrix[:, place].sum())
    return {
        "class": name,
        "rows": true,
        "precision": hit / said if said else 0.0,
        "recall": hit / true if true else 0.0,
        "f1": 2 * hit / (true + said) if true + said else 0.0,
    }


def _sketch(project: Project, fitted: Fitted, arrays: Mapping[str, Arrays]) -> tuple[str | None, str]:
    """Sketch rows that the weights were not fitted to: what production looks like while nothing drifts.

    Returns:
        The sketch, and why there is none.
    """
    import numpy as np

    from include.data.forms import join
    from include.monitoring import MonitoringError, reference_sketch

    kind = project.data.content.kind
    if kind not in ("array", "text", "table"):
        return None, f"no drift sketch is kept: it is made for arrays, texts and tables, not for items of kind {kind}"
    try:
        project.component("features")
    except ProjectError as cause:
        return None, f"no drift sketch is kept: {cause.problems[0]}"
    unseen = [arrays["validation"], arrays["test"]]
    outputs = np.concatenate([predict(fitted, project, part.contents) for part in unseen])
    contents = join([part.contents for part in unseen], project.data.content)
    kinds = [kind for part in unseen for kind in part.kinds]
    classes = outputs.argmax(1) if project.task == "classification" else np.full(len(outputs), -1)
    try:
        return reference_sketch(project, contents, classes, outputs, kinds).to_json(), ""
    except MonitoringError as cause:
        if kind == "array" and project.task == "classification":
            raise
        return None, f"no drift sketch is kept: {cause}"
