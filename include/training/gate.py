"""What a model must reach to be confirmed: the gate of project.yaml over the figures of its evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from include.projects import Project
from include.training.errors import InputError
from include.training.metrics import Metric, gate_metric, registered


def checks(project: Project, metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the gate's checks: ``name``, ``value``, ``limit`` (in words) and ``ok``.

    They are the gate's own metric against its limit and against the baseline, the thresholds of the project's own
    metrics, and the limits of bias between groups.

    Args:
        project: gives the gate.
        metrics: of `model_info`.

    Raises:
        InputError: the model was not evaluated with what the gate asks for.
    """
    gate, metric = project.training.gate, gate_metric(project)
    own = [one for one in registered(project).values() if one.threshold is not None]
    bias = project.training.bias
    limits = {
        f"bias_{by}_{what}": most for by in (bias.by if bias else []) for what, most in (bias.limits if bias else {}).items()
    }
    limits = {name.replace("@", ""): most for name, most in limits.items()}
    needed = [metric.name, *([f"baseline_{metric.name}"] if gate.beat_baseline else []), *(one.name for one in own), *limits]
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
    made += [_limit(one, metrics[one.name], one.threshold) for one in own]
    if "tests_failed" in metrics or project.training.tests.model_fields_set:
        failed = metrics.get("tests_failed", math.nan)
        made.append({"name": "failed model tests", "value": failed, "limit": "0, of tests that ran", "ok": failed == 0})
    if "code_errors" in metrics:
        found = metrics["code_errors"]
        made.append({"name": "errors in the project's code", "value": found, "limit": "0", "ok": found == 0})
    for name, most in limits.items():
        made.append({"name": name, "value": metrics[name], "limit": f"at most {most:g}", "ok": metrics[name] <= most})
    return made


def _limit(metric: Metric, value: float, limit: float | None) -> dict[str, Any]:
    if limit is None:
        return {"name": metric.name, "value": value, "limit": "measured", "ok": True}
    ok = value >= limit if metric.direction == "max" else value <= limit
    word = "at least" if metric.direction == "max" else "at most"
    return {"name": metric.name, "value": value, "limit": f"{word} {limit}", "ok": ok}
