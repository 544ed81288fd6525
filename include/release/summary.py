"""What an approver sees before answering: evaluation, comparison, tests and the digest, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from include.ledger import Ledger
from include.projects import Project
from include.release.reports import read_report
from include.reports.numbers import short
from include.settings import Settings


def approval_markdown(settings: Settings, project: Project, release_id: str) -> str:
    """Return the text of an approval form, read from the records.

    Args:
        settings: ledger and MLflow.
        project: the project.
        release_id: a sealed release.

    Raises:
        LedgerError: no such release.
        MlflowError: MLflow does not answer.
    """
    from include.training import model_info

    ledger = Ledger(settings.ledger())
    release = ledger.release(release_id)
    route = ledger.route(project.name, "production")
    running = route.model["version"] if route else None
    versions = [v for v in (release.model["version"], running) if v is not None]
    infos = {str(v): model_info(settings, project, v) for v in versions}
    run = release.model["release_run_id"]
    lines = [
        f"**{release.id}** of *{project.title}*: model version {release.model['version']},"
        f" data {release.model['data']['repository']} {release.model['data']['version']}",
        f"Digest: `{release.digest}`",
        f"Authors, who may not approve: {', '.join(release.authors)}",
        f"Now in production: {route.release_id + ' (model version ' + str(running) + ')' if route else 'nothing yet'}",
        "",
        *_evaluation(infos),
        *_four_way(settings, project, str(release.model["version"])),
        *_tests(
            read_report(settings, run, "optimise"),
            read_report(settings, run, "parity"),
            read_report(settings, run, "staging"),
        ),
        f"[Training run and plots in MLflow]({infos[str(release.model['version'])].get('url', settings.mlflow_url)})",
    ]
    return "\n\n".join(lines[:4]) + "\n" + "\n".join(lines[4:])


def _evaluation(infos: dict[str, dict[str, Any]]) -> Iterator[str]:
    def row(name: str, text: Callable[[dict[str, float]], str]) -> str:
        return f"| {name} | " + " | ".join(text(info["metrics"]) for info in infos.values()) + " |"

    yield "| Test part | " + " | ".join(f"model version {v}" for v in infos) + " |"
    yield "|---|" + "---|" * len(infos)
    if any("accuracy" in info["metrics"] for info in infos.values()):
        yield row("accuracy", lambda m: f"**{m['accuracy']:.4f}** ({m['accuracy_low']:.4f} to {m['accuracy_high']:.4f})")
        yield row("accuracy of the baseline", lambda m: f"{m['baseline_accuracy']:.4f}")
        yield row("macro F1", lambda m: f"{m['macro_f1']:.4f}")
        yield row("calibration error", lambda m: f"{m['calibration_error']:.4f}")
    else:
        for name in _others(infos):
            yield row(name.replace("_", " "), lambda m, name=name: _figure(m, name))  # type: ignore[misc]
    yield row("rows", lambda m: f"{m['rows']:.0f}")
    yield ""


def _others(infos: dict[str, dict[str, Any]]) -> list[str]:
    """Return the names of the figures of tasks other than classification, without those that stand beside another."""
    names = {name for info in infos.values() for name in info["metrics"]}
    return sorted(n for n in names if n != "rows" and not n.endswith(("_low", "_high")) and not n.startswith("best_"))


def _figure(metrics: dict[str, float], name: str) -> str:
    if name not in metrics:
        return "-"
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return short(metrics[name]) + (f" ({short(low)} to {short(high)})" if low is not None and high is not None else "")


def _four_way(settings: Settings, project: Project, version: str) -> Iterator[str]:
    from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client, mlflow_errors, read_file

    client = mlflow_client(settings)
    with mlflow_errors(settings, "read the four-way comparison"):
        experiment = ensure_experiment(client, f"{project.name}/monitoring")
        runs = find_runs(client, experiment, {"kind": "four_way", "candidate_version": version})
        if not runs:
            return
        found = json.loads(read_file(client, runs[0].info.run_id, "four_way.json"))
    yield from _compared(found)


def _compared(found: dict[str, Any]) -> Iterator[str]:
    yield f"Four-way comparison: **{found['decision']}**, {'; '.join(found['reasons'])}"
    yield ""
    metric = found.get("metric", "accuracy")
    form = ".3f" if metric == "accuracy" else ".4g"
    yield f"| {metric} | old data | new data |"
    yield "|---|---|---|"
    for who in ("current", "candidate"):
        cells = (found["cells"][f"{who}_{part}"] for part in ("old", "new"))
        told = (f"{c[metric]:{form}} ({c['low']:{form}} to {c['high']:{form}})" for c in cells)
        yield f"| {who} model | {' | '.join(told)} |"
    yield ""


def _tests(optimise: dict[str, Any] | None, parity: dict[str, Any] | None, staging: dict[str, Any] | None) -> Iterator[str]:
    yield "| Test of the release | Result |"
    yield "|---|---|"
    if optimise:
        yield f"| Optimised | {optimise['chosen']}: {optimise['reason']} |"
    if parity:
        pairs = ", ".join(f"{name.replace('_', ' to ')} {p['max_abs_diff']:.2g}" for name, p in parity["pairs"].items())
        yield f"| Parity, largest difference of {parity['rows']} rows | {pairs} |"
    if staging:
        good = [f"{n.replace('_', ' ')} {staging[n]:.4f}, " for n in ("accuracy", "mean_absolute_error") if n in staging]
        yield (
            f"| Staging, {staging['rows']} rows through the AP | {''.join(good)}"
            f"p50 {staging['p50_ms']:.1f} ms, p99 {staging['p99_ms']:.1f} ms |"
        )
    yield ""
