"""The pictures and the page of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports import Section, image, page, table
from include.training import curves, plots
from include.training.errors import InputError
from include.training.gate import checks
from include.training.metrics import registered
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
    """Return an evaluation as an HTML page: figures, gate, plots, slices, bias, explanations and what is missing."""
    figures = report["metrics"]
    sections = [
        Section("Figures of the test part", figures_table(project, figures, report["baseline"])),
        Section("Gate", gate_table(project, figures)),
    ]
    sections += [Section(ABOUT[name], image(drawn[name], ABOUT[name], "plot")) for name in ABOUT if name in drawn]
    sections.append(Section("Slices", _slices(project, report)))
    sections += [Section(f"Bias by {way}", _bias(told)) for way, told in report["bias"].items()]
    sections += [Section(name.replace("_", " "), image(drawn[name], name, "plot")) for name in drawn if name not in ABOUT]
    if report["notes"]:
        sections.append(Section("What is missing, and why", table(["note"], [[note] for note in report["notes"]])))
    return page(f"Evaluation of {project.title}", sections, f"run {run_id}, {figures['rows']:,} rows of the test part")


def figures_table(project: Project, figures: Mapping[str, Any], baseline: str) -> Any:
    """Return the table of a model's figures, each with its interval and beside the baseline's."""
    rows = []
    for name, metric in registered(project).items():
        value, simple = figures.get(name), figures.get(f"baseline_{name}")
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        told: Any = simple
        if value is not None and simple is not None:
            told = (f"{simple:.4g}", "good" if metric.better(value, simple) else "warn")
        between = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
        rows.append([name, value, between, told, "higher" if metric.direction == "max" else "lower", metric.what])
    return table(["metric", "value", "95 % interval", f"baseline: {baseline}", "better", "what it is"], rows)


def gate_table(project: Project, figures: Mapping[str, Any]) -> Any:
    """Return the table of the gate's checks, or why there are none."""
    try:
        made = checks(project, figures)
    except InputError as cause:
        return str(cause)
    rows = [[one["name"], one["value"], one["limit"], ("passed", "good") if one["ok"] else ("failed", "bad")] for one in made]
    return table(["check", "value", "limit", "result"], rows)


def _slices(project: Project, report: Mapping[str, Any]) -> Any:
    known = registered(project)
    rows = []
    for row in report["slices"]:
        value: Any = row["value"]
        overall = report["metrics"].get(row["metric"])
        between = f"{row['low']:.4g} to {row['high']:.4g}" if row["low"] is not None else ""
        if value is not None and row["low"] is not None and overall is not None:
            worst = row["high"] if known[row["metric"]].direction == "max" else row["low"]
            tone = "bad" if known[row["metric"]].better(overall, worst) else ""  # surely worse than the whole
            value = (f"{value:.4g}", tone) if tone else value
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
