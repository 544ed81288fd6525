"""Current and new model on old and new test data: the four-way comparison, kept in MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from include.monitoring.compare import compare
from include.monitoring.compare_numbers import Rows, compare_numbers
from include.monitoring.errors import MonitoringError
from include.monitoring.pictures import figure_of, picture
from include.monitoring.store import monitoring_run
from include.projects.project import Project
from include.projects.release import MIN_TEST_ROWS
from include.settings import Settings

PARTS = ("old", "new")
JUDGED = ("classification", "regression")


def require_test_rows(settings: Settings, project: Project, split: Mapping[str, Any]) -> dict[str, int]:
    """Make sure before anything is trained that old and new test rows will be enough to judge the new model by.

    Args:
        settings: give the data repository.
        project: the project.
        split: reference to the split of a bundle (`include.data.make_split`).

    Returns:
        How many test rows are ``old`` and ``new``.

    Raises:
        MonitoringError: too few; how many there are, and what to do.
    """
    from include.data import origin_counts

    counts = origin_counts(settings, dict(split), "test")
    if few := [origin for origin in PARTS if counts[origin] < MIN_TEST_ROWS]:
        advice = {
            "new": "rows that equal earlier ones are no new ones; collect more rows with true answers, or raise "
            "retraining.min_new_rows so that the next retraining waits for them",
            "old": "the running model's data needs a larger test part in split, or more rows",
        }
        told = "; ".join(f"{counts[one]} {one} test rows, at least {MIN_TEST_ROWS} are needed: {advice[one]}" for one in few)
        raise MonitoringError(f"a new model of {project.name} could not be judged: {told}")
    return counts


def four_way(
    settings: Settings,
    project: Project,
    current_version: int | str,
    candidate_version: int | str,
    split: Mapping[str, Any],
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two registered models on the old and the new test rows of a bundle's split and decide.

    The same rows go through both models. The result lies as ``four_way.json`` and ``four_way.png`` in a run of the
    experiment ``<project>/monitoring``; doing it again for the same models and split writes that same run.

    Args:
        settings: give MLflow and the data repository.
        project: the project; its ``retraining`` gives the limits.
        current_version: model version on production.
        candidate_version: retrained model version.
        split: reference to the split of a bundle (`include.data.make_split`).
        seed: seed of the bootstrap.

    Returns:
        What `compare` gives, of a regression `compare_numbers`, and ``current_version``, ``candidate_version``,
        ``run_id``, ``url``.

    Raises:
        MonitoringError: the task has no true answers, the split has no old or no new test rows, or a model does not fit
            the data.
    """
    from include.data import load_part
    from include.training import load_model, predict

    if project.task not in JUDGED:
        raise MonitoringError(
            f"the task {project.task} of {project.name} has no true answers to compare two models by: "
            f"four-way comparison is for {' and '.join(JUDGED)}; compare the runs with {project.name}.comparison"
        )
    found: dict[str, Rows] = {}
    models = {
        who: load_model(settings, project, v) for who, v in (("current", current_version), ("candidate", candidate_version))
    }
    for origin in PARTS:
        part = load_part(settings, project, dict(split), "test", origin=origin)
        if not len(part.item_ids):
            raise MonitoringError(
                f"split {split.get('split_digest')} has no {origin} test rows: compare on the split of a bundle, "
                "which holds an earlier version and new rounds"
            )
        said = [np.asarray(predict(model, project, part.contents)) for model in models.values()]
        if project.task == "classification":
            said = [_classes(project, who, one, len(part.labels)) for who, one in zip(models, said, strict=True)]
        found[origin] = (np.asarray(part.labels), *said)  # type: ignore[assignment]
    result = {
        "current_version": str(current_version),
        "candidate_version": str(candidate_version),
        **_compared(project, found["old"], found["new"], seed),
    }
    return log_four_way(settings, project, result, str(split.get("split_digest", "")))


def _classes(project: Project, who: str, probabilities: np.ndarray, rows: int) -> np.ndarray:
    if probabilities.shape != (rows, len(project.classes)):
        raise MonitoringError(
            f"the {who} model gives {probabilities.shape} for {rows} rows of {len(project.classes)} classes: "
            "the two models must have the project's classes"
        )
    return probabilities.argmax(1)


def _compared(project: Project, old: Rows, new: Rows, seed: int) -> dict[str, Any]:
    limits = project.retraining
    rule: dict[str, Any] = {
        "confidence": limits.confidence,
        "max_loss_on_old": limits.max_loss_on_old,
        "min_gain_on_new": limits.min_gain_on_new,
        "seed": seed,
    }
    if project.task == "classification":
        return compare(*old, *new, project.classes, **rule)
    from include.training.metrics import gate_metric, metric_of
    from include.training.slices import slice_metric

    return compare_numbers(old, new, gate_metric(project), metric_of(project, slice_metric(project)), **rule)


def log_four_way(settings: Settings, project: Project, result: dict[str, Any], split_digest: str) -> dict[str, Any]:
    """Put a comparison and its picture into MLflow.

    Args:
        settings: give MLflow.
        project: the project.
        result: of `compare` or `compare_numbers`, with ``current_version`` and ``candidate_version``.
        split_digest: the split that was compared on.

    Returns:
        ``result`` with ``run_id`` and ``url``.

    Raises:
        MlflowError: MLflow did not answer.
    """
    tags = {
        "kind": "four_way",
        "current_version": result["current_version"],
        "candidate_version": result["candidate_version"],
        "split_digest": split_digest,
    }
    metrics = {name: cell[figure_of(result)] for name, cell in result["cells"].items()}
    metrics |= {f"difference_{part}": result[f"difference_{part}"]["value"] for part in PARTS}
    name = f"four-way v{result['current_version']} - v{result['candidate_version']}"
    with monitoring_run(settings, project, name, tags) as run:
        run.file("four_way.json", json.dumps(result, ensure_ascii=False, indent=1).encode())
        run.file("four_way.png", picture(result))
        run.metrics(metrics)
        run.tags({"decision": result["decision"]})
    return {**result, "run_id": run.run_id, "url": run.url}
