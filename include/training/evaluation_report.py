"""The pictures and the page of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.projects import Project
from include.reports import Section, image, page, table
from include.reports import plots as plots_beside
from include.reports.numbers import short
from include.training import curves, explain_page, plots
from include.training.errors import InputError
from include.training.gate import checks
from include.training.metrics import gate_metric, registered
from include.training.slices import slice_metric

if TYPE_CHECKING:
    import numpy as np

ABOUT = {
    "confusion_matrix": "How often each class was taken for each other one",
    "roc": "ROC of each class against the rest",
    "precision_recall": "Precision and recall of each class against the rest",
    "calibration": "How often answers of each confidence are right",
    "per_class": "Precision and recall of each class",
    "regression": "Predicted against true numbers, and residuals",
    "slices": "Slices with their 95 % intervals; the line is the whole test part",
}


def pictures(project: Project, labels: np.ndarray, outputs: np.ndarray, report: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the plots of an evaluation as PNG by name.

    Args:
        project: gives the task and the classes.
        labels: of the test part.
        outputs: of the model.
        report: of the evaluation.
    """
    import numpy as np

    found: dict[str, bytes] = {}
    if project.task == "classification":
        found["confusion_matrix"] = plots.confusion(np.array(report["confusion"]), project.classes)
        found["roc"] = curves.roc(labels, outputs, project.classes)
        found["precision_recall"] = curves.precision_recall(labels, outputs, project.classes)
        found["calibration"] = plots.reliability(report["calibration"], report["metrics"]["calibration_error"])
        found["per_class"] = plots.per_class(report["per_class"])
    elif project.task == "regression":
        found["regression"] = curves.regression(labels, outputs)
    measured = slice_metric(project)
    if measured in report["metrics"] and any(row["value"] is not None for row in report["slices"]):
        found["slices"] = curves.slices(report["slices"], report["metrics"][measured], measured)
    return found


def report_page(project: Project, run_id: str, report: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    """Return an evaluation as an HTML page: verdict, figures, gate, plots, slices, bias, explanations and what is missing."""
    figures = report["metrics"]
    known, single = [name for name in ABOUT if name in drawn], [name for name in drawn if name not in ABOUT]
    sections = [
        Section("Gate", gate_table(project, figures)),
        Section("Figures of the test part", figures_table(project, figures, report["baseline"])),
        Section("Plots", plots_of(drawn, known, ABOUT)),
        Section("Slices", _slices(project, report)),
    ]
    sections += [Section(f"Bias by {way}", _bias(told)) for way, told in report["bias"].items()]
    sections += explain_page.section(report.get("explanation") or {}, {name: drawn[name] for name in single})
    if report["notes"]:
        sections.append(Section("What is missing, and why", table(["note"], [[note] for note in report["notes"]])))
    about = f"Run {run_id}, {figures['rows']:,} rows of the test part"
    title = f"Evaluation of {project.title}"
    return page(title, sections, about, verdict(project, figures), facts(project, figures))


def plots_of(drawn: Mapping[str, bytes], names: Sequence[str], about: Mapping[str, str]) -> Markup:
    """Return the plots of these names side by side, with what they show."""
    return plots_beside(image(drawn[name], about.get(name, name.replace("_", " ")), "plot") for name in names)


def verdict(project: Project, figures: Mapping[str, Any]) -> tuple[str, str]:
    """Return in one sentence whether the gate is passed, and its tone."""
    try:
        made = checks(project, figures)
    except InputError as cause:
        return f"No verdict: {cause}", "warn"
    ran = [one for one in made if math.isfinite(one["value"])]
    later = f" {len(made) - len(ran)} of its items come after this page." if len(ran) < len(made) else ""
    if failed := [one for one in ran if not one["ok"]]:
        said = "; ".join(f"{one['name']} is {short(one['value'])}, wanted {one['limit']}" for one in failed)
        return f"Fails the gate: {said}.", "bad"
    deciding = gate_metric(project).name
    said = "; ".join(f"{short(one['value'])}, wanted {one['limit']}" for one in ran if one["name"] == deciding)
    return f"Passes the gate: {deciding} {said}.{later}", "good"


def facts(project: Project, figures: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the figures to see at a glance: the gate's metric with its interval, the baseline's, and how many rows."""
    name = gate_metric(project).name
    found: list[tuple[str, Any, str]] = []
    if name in figures:
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        between = interval(low, high)
        found.append((name, figures[name], f"95 %: {between}" if between else ""))
    if f"baseline_{name}" in figures:
        found.append((f"{name} of the baseline", figures[f"baseline_{name}"], ""))
    if "rows" in figures:
        found.append(("rows of the test part", figures["rows"], ""))
    return found


def figures_table(project: Project, figures: Mapping[str, Any], baseline: str) -> Any:
    """Return the table of a model's figures, each with its interval and beside the baseline's."""
    rows = []
    for name, metric in registered(project).items():
        value, simple = figures.get(name), figures.get(f"baseline_{name}")
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        told: Any = value
        if value is not None and simple is not None:
            told = (value, "good" if metric.better(value, simple) else "warn")
        better = "higher" if metric.direction == "max" else "lower"
        rows.append([name, told, interval(low, high), simple, better, metric.what])
    return table(["metric", "value", "95 % interval", f"baseline: {baseline}", "better", "what it is"], rows)


def interval(low: float | None, high: float | None) -> str:
    """Return both ends of an interval as one piece that no line breaks; empty where there is none."""
    return "" if low is None or high is None else f"{short(low)}\u00a0to\u00a0{short(high)}"


def gate_table(project: Project, figures: Mapping[str, Any]) -> Any:
    """Return the table of the gate's checks, or why there are none."""
    try:
        made = checks(project, figures)
    except InputError as cause:
        return str(cause)
    rows = []
    for one in made:
        ran = math.isfinite(one["value"])
        result = ("passed", "good") if one["ok"] else ("failed", "bad") if ran else ("comes after this page", "warn")
        rows.append([result, one["name"], one["value"] if ran else None, one["limit"]])
    return table(["", "check", "value", "wanted"], rows)


def _slices(project: Project, report: Mapping[str, Any]) -> Any:
    known = registered(project)
    rows = []
    for row in report["slices"]:
        value: Any = row["value"]
        overall = report["metrics"].get(row["metric"])
        between = interval(row["low"], row["high"])
        if value is not None and row["low"] is not None and overall is not None:
            worst = row["high"] if known[row["metric"]].direction == "max" else row["low"]
            tone = "bad" if known[row["metric"]].better(overall, worst) else ""  # surely worse than the whole
            value = (value, tone) if tone else value
        rows.append([row["by"], row["slice"], row["rows"], value, between, row["note"]])
    return table(["by", "slice", "rows", slice_metric(project), "95 % interval", "note"], rows)


def _bias(told: Mapping[str, Any]) -> Any:
    columns = list(told["groups"][0]) if told["groups"] else ["group"]
    groups = table(columns, [[row.get(name) for name in columns] for row in told["groups"]])
    measures = table(
        ["difference between groups", "value"], [[n, "unknown" if v is None else v] for n, v in told["measures"].items()]
    )
    left = table(["groups left out"], [[one] for one in told["small"]]) if told["small"] else ""
    return groups + measures + left
