"""What a model must reach to be confirmed: the gate of project.yaml over the figures of its evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from include.projects import Project
from include.training.errors import InputError
from include.training.metrics import Metric, gate_metric, registered


def checks(project: Project, metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the gate's checks: ``name``, ``value``, ``limit`` (in words), ``ok``, and ``note`` where a value is missing.

    They are the gate's own metric against its limit and against the baseline, the thresholds of other metrics and of the
    project's own, the tests of the model, the static checks of the project's code where it asks for any, and the limits
    of bias between groups.

    Args:
        project: gives the gate.
        metrics: of `model_info`; tests that were not recorded have no value and are not passed.

    Raises:
        InputError: the model was not evaluated with what the gate asks for.
    """
    gate, metric = project.training.gate, gate_metric(project)
    others = [
        (one, gate.thresholds.get(name, one.threshold))
        for name, one in registered(project).items()
        if name in gate.thresholds or one.threshold is not None
    ]
    bias = project.training.bias
    limits = {
        f"bias_{by}_{what}": most for by in (bias.by if bias else []) for what, most in (bias.limits if bias else {}).items()
    }
    limits = {name.replace("@", ""): most for name, most in limits.items()}
    needed = [
        metric.name,
        *([f"baseline_{metric.name}"] if gate.beat_baseline else []),
        *(one.name for one, _ in others),
        *limits,
    ]
    missing = [name for name in needed if not math.isfinite(metrics.get(name, math.nan))]
    if missing:
        raise InputError(f"the model has no {', '.join(missing)}: evaluate it first")
    limit = gate.maximum if metric.direction == "min" else gate.minimum
    made = [_limit(metric, metrics[metric.name], limit)]
    if gate.beat_baseline:
        value, simple = metrics[metric.name], metrics[f"baseline_{metric.name}"]
        word = "above" if metric.direction == "max" else "below"
        said = f"{word} the baseline's {simple:.4f}"
        made.append(
            {"name": f"{metric.name} against the baseline", "value": value, "limit": said, "ok": metric.better(value, simple)}
        )
    made += [_limit(one, metrics[one.name], threshold) for one, threshold in others]
    made.append(_none(metrics, "tests_failed", "failed model tests", "model tests"))
    if project.training.code_checks.tools:
        made.append(_none(metrics, "code_errors", "errors in the project's code", "checks of the project's code"))
    for name, most in limits.items():
        made.append({"name": name, "value": metrics[name], "limit": f"at most {most:g}", "ok": metrics[name] <= most})
    return made


def _limit(metric: Metric, value: float, limit: float | None) -> dict[str, Any]:
    if limit is None:
        return {"name": metric.name, "value": value, "limit": "measured", "ok": True}
    ok = value >= limit if metric.direction == "max" else value <= limit
    word = "at least" if metric.direction == "max" else "at most"
    return {"name": metric.name, "value": value, "limit": f"{word} {limit}", "ok": ok}


def _none(metrics: Mapping[str, float], figure: str, name: str, what: str) -> dict[str, Any]:
    """Return the check of a figure that must be 0, and that `include.training.model_tests` leaves with the run."""
    value = metrics.get(figure, math.nan)
    made = {"name": name, "value": value, "limit": "0", "ok": value == 0}
    return made if math.isfinite(value) else {**made, "note": f"no {what} are recorded with this run: run test_model"}
