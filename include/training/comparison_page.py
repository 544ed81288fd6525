"""The page on which runs stand side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.projects import Project
from include.reports import Section, page, table
from include.reports.links import link, mlflow_run_url
from include.reports.numbers import short
from include.settings import Settings
from include.training.metrics import gate_metric, registered

if TYPE_CHECKING:
    from mlflow.entities import Run

ABSENT = "-"
EXACT = re.compile(r"-?\d+\.\d{6,}(e-?\d+)?")  # a number with more digits than people read
DIGEST = re.compile(r"(sha256:)?[0-9a-f]{32,64}")


def comparison_page(settings: Settings, project: Project, found: Sequence[Run], told: Mapping[str, Any]) -> str:
    """Return runs side by side as a page for people, what differs first.

    Args:
        settings: name MLflow.
        project: whose runs.
        found: the runs, in the order of the columns.
        told: of `include.training.comparison.compare_runs`.
    """
    heads = [f"{run.info.run_name} {run.info.run_id[:8]}" for run in found]
    deciding = gate_metric(project)
    values = [run.data.metrics.get(f"test_{deciding.name}") for run in found]
    about = [
        [link(run.info.run_id[:8], mlflow_run_url(settings, run.info.experiment_id, run.info.run_id)), one["name"], value, *more]
        for run, one, value, more in zip(found, told["runs"], values, map(_when, told["runs"]), strict=True)
    ]
    sections = [Section("Runs", table(["run", "name", f"test_{deciding.name}", "status", "author", "started"], about))]
    same = []
    for name, rows in told["fields"].items():
        lines = [[row["name"], *_cells(found, row)] for row in sorted(rows, key=_rank(project)) if not row["same"]]
        if lines:
            sections.append(Section(f"What differs in {name}", table(["field", *heads], lines)))
        same += [[name, row["name"], *_cells(found, row)[:1]] for row in rows if row["same"]]
    if same:
        sections.append(Section(f"The same in all: {len(same)} fields", table(["", "field", "value"], same), folded=True))
    known = [(value, head) for value, head in zip(values, heads, strict=True) if value is not None]
    verdict = None
    if known:
        best = (max if deciding.direction == "max" else min)(known, key=lambda one: one[0])
        verdict = f"Best by {deciding.name} of the test part: {best[1]} with {short(best[0])}", ""
    said = f"{len(told['different'])} fields differ; the best of a metric is green"
    if told["packages_unknown"]:
        said += f"; {len(told['packages_unknown'])} runs do not say which packages were installed"
    return page(f"Comparison of {len(found)} runs of {project.title}", sections, said, verdict)


def _when(one: Mapping[str, Any]) -> list[Any]:
    from datetime import UTC, datetime

    return [one["status"], one["author"], f"{datetime.fromtimestamp(one['started'] / 1000, UTC):%Y-%m-%d %H:%M} UTC"]


def _rank(project: Project) -> Callable[[Mapping[str, Any]], tuple[int, str]]:
    """Return the order of rows: the gate's metric, other metrics of the test part, intervals and baseline, what is left."""
    deciding = gate_metric(project).name

    def rank(row: Mapping[str, Any]) -> tuple[int, str]:
        name = row["name"].removeprefix("test_")
        return (0 if name == deciding else 1 if name in registered(project) else 2), row["name"]

    return rank


def _cells(found: Sequence[Run], row: Mapping[str, Any]) -> list[Any]:
    """Return a row's values as a table shows them: digests short, the best of a metric marked."""
    shown: list[Any] = []
    for run, value in zip(found, row["values"], strict=True):
        said: Any = ABSENT if value is None else value
        if isinstance(value, str) and DIGEST.fullmatch(value):
            said = Markup('<code title="{}">{}</code>').format(value, f"{value.removeprefix('sha256:')[:12]}…")
        elif isinstance(value, float) or (isinstance(value, str) and EXACT.fullmatch(value)):
            said = f"{float(value):.5g}"
        shown.append((said, "good") if run.info.run_id in row.get("best", []) else said)
    return shown
