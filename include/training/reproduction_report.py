"""How far a reproduction is from its original: metrics, and what of code, packages and machine may explain it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports import Section, page, table
from include.reports.links import link, mlflow_run_url
from include.settings import Settings
from include.training.metrics import registered
from include.training.packages import differing, installed, packages_of
from include.training.reproducibility import code_digest, environment, git_commit, packages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FACT = "environment."
NONE = "none"
SAME = "nothing: code, packages and machine are the same"


def differences(client: MlflowClient, project: Project, run: Run) -> list[str]:
    """Return every difference of code, machine and packages between a run and here, one line each.

    Args:
        client: of MLflow.
        project: as the run was trained with it.
        run: of a training.
    """
    tags = run.data.tags
    found = []
    if tags.get("code_digest") != code_digest(project):
        was, now = tags.get("git_commit", "unknown"), git_commit() or "unknown"
        whose = "of the product; the project's own is that of the run" if "project_code" in tags else "the run kept no copy"
        found.append(f"code: commit {was[:20]} then, {now[:20]} now ({whose})")
    before, after = packages_of(client, run.info.run_id), installed(packages())
    then, here = {name.removeprefix(FACT): value for name, value in tags.items() if name.startswith(FACT)}, environment()
    listed = {*after, *(before or {})}
    found += [
        f"{name}: {then.get(name, 'not recorded')} then, {here.get(name, NONE)} now"
        for name in sorted({*then, *here})
        if name not in listed and then.get(name) != here.get(name)
    ]
    if before is None:
        found.append("packages: not recorded")
    rows = differing(before, after).items()
    return [*found, *(f"package {name}: {was or NONE} then, {now or NONE} now" for name, (was, now) in rows)]


def compared(client: MlflowClient, project: Project, original: Run, made: Run) -> dict[str, Any]:
    """Return how far the metrics of two trainings are apart.

    Those of every epoch count, and those of the test part that an evaluation gives; an interval's end that one of them was
    too slow to draw does not.

    Returns:
        ``run_id``, ``original``, ``identical``, ``same_code``, ``metrics``, ``differing`` and ``largest_difference`` as of
        `include.training.reproduction.reproduce`; the largest is None where a metric is missing.
    """
    apart = {}
    for name in sorted(original.data.metrics):
        if name.startswith(("train_", "validation_")):
            was, now = ([(m.step, m.value) for m in client.get_metric_history(r.info.run_id, name)] for r in (original, made))
            same_steps = [step for step, _ in was] == [step for step, _ in now]
            pairs = zip(was, now, strict=False)
            apart[name] = max((_apart(a, b) for (_, a), (_, b) in pairs), default=0.0) if same_steps else math.inf
    kept = [name for name in sorted(original.data.metrics) if name.startswith("best_") or _of_test(project, name, made)]
    pairs_kept = {name: (original.data.metrics[name], made.data.metrics.get(name)) for name in kept}
    apart |= {name: math.inf if now is None else _apart(was, now) for name, (was, now) in pairs_kept.items()}
    largest = max(apart.values(), default=0.0)
    return {
        "run_id": made.info.run_id,
        "original": original.info.run_id,
        "identical": largest == 0,
        "largest_difference": largest if math.isfinite(largest) else None,
        "same_code": original.data.tags.get("code_digest") == made.data.tags.get("code_digest"),
        "metrics": {
            name: {"was": was, "is": now, "difference": None if now is None else now - was}
            for name, (was, now) in pairs_kept.items()
        },
        "differing": [name for name, distance in apart.items() if distance],
    }


def report_page(settings: Settings, project: Project, original: Run, made: Run, report: Mapping[str, Any]) -> str:
    """Return what `compared` and `differences` found as a page for people.

    Args:
        settings: name MLflow.
        project: whose model.
        original: the run that was trained again.
        made: the new one.
        report: of `include.training.reproduction.reproduce`.
    """
    runs = [
        [what, link(run.info.run_id, mlflow_run_url(settings, run.info.experiment_id, run.info.run_id))]
        for what, run in (("original", original), ("made again", made))
    ]
    rows = [
        [name, one["was"], one["is"], (_said(one["difference"]), "warn") if name in report["differing"] else ""]
        for name, one in report["metrics"].items()
    ]
    epochs = [name for name in report["differing"] if name not in report["metrics"]]
    sections = [
        Section("Runs", table(["", "run"], runs)),
        Section("Metrics of the epoch that was kept, and of the test part", table(["metric", "then", "again", "apart"], rows)),
        Section("Metrics of single epochs that differ", table(["metric"], [[name] for name in epochs])),
        Section("What is not as it was", table(["what"], [[line] for line in report["differs"] or [SAME]])),
    ]
    if report["identical"]:
        verdict = "Every metric is identical", "good"
    else:
        verdict = f"{len(report['differing'])} metrics differ", "warn"
    about = "" if report["evaluated"] else "The original was never evaluated: its test part is not compared"
    return page(f"Reproduction of a model of {project.title}", [one for one in sections if "<td" in one.html], about, verdict)


def _said(difference: float | None) -> str:
    return "missing" if difference is None else f"{difference:+.4g}"


def _of_test(project: Project, name: str, made: Run) -> bool:
    """Tell whether a metric is one that an evaluation of the test part gives."""
    measured = name.startswith(("test_", "baseline_"))
    return measured and (name in made.data.metrics or name.partition("_")[2] in registered(project))


def _apart(one: float, other: float) -> float:
    """Return how far two figures are apart: not at all where both are no number, infinitely where one is."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    return abs(one - other) if math.isfinite(one) and math.isfinite(other) else math.inf
