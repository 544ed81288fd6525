"""The form of a confirmation: figures beside those of the baseline, the last confirmed model and the best other runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports.links import mlflow_model_url, mlflow_run_url
from include.reports.numbers import short
from include.settings import Settings
from include.training.comparison import nth_best
from include.training.errors import InputError
from include.training.metrics import gate_metric, registered
from include.training.models import describe, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

OTHERS = 3  # best runs beside the model in question
ABSENT = "-"
CHARS = 300


def markdown(
    settings: Settings, client: MlflowClient, project: Project, about: Mapping[str, Any], made: list[dict[str, Any]]
) -> tuple[str, str]:
    """Return the text in front of the person, and the address of the run.

    Args:
        settings: name MLflow.
        client: of MLflow.
        project: whose model.
        about: the version, as `model_info`.
        made: checks of its gate.
    """
    run = client.get_run(about["run_id"])
    url = mlflow_run_url(settings, run.info.experiment_id, about["run_id"])
    experiment = str(client.get_experiment(run.info.experiment_id).name)
    columns = {f"**v{about['version']}**": about["metrics"], "baseline": _baseline(about["metrics"])}
    columns |= _confirmed(client, project, about)
    columns |= dict(_best(settings, project, about, experiment))
    lines = [
        f"**{text(project.title)}** model version {about['version']}, made by {text(about['author'])} in the experiment"
        f" *{text(experiment)}* on data {text(about['data'].get('repository'))} {text(about['data'].get('version'))}.",
        "",
        *_gate(project, made),
        "",
        *_figures(project, columns),
        "",
        *_links(settings, client, about, run.info.experiment_id),
        "",
        "Your log-in name, the time and your reason are kept with the model and in the audit log. Who made the model may not"
        " confirm it.",
    ]
    return "\n".join(lines), url


def text(value: Any) -> str:
    """Return text from outside as Markdown that is text and nothing else."""
    said = " ".join(str(value)[:CHARS].split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+!|~" else letter for letter in said)


def _baseline(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name.removeprefix("baseline_"): value for name, value in metrics.items() if name.startswith("baseline_")}


def _confirmed(client: MlflowClient, project: Project, about: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    try:
        last = describe(client, find_version(client, project, "confirmed"))
    except InputError:
        return {}
    return {} if last["version"] == about["version"] else {f"v{last['version']}, confirmed last": last["metrics"]}


def _best(
    settings: Settings, project: Project, about: Mapping[str, Any], experiment: str
) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield the best other runs of the experiment with their figures on the test part."""
    rank, shown = 1, 0
    while shown < OTHERS:
        try:
            found = nth_best(settings, project, experiment, rank)
        except InputError:
            return
        if found["run_id"] != about["run_id"]:
            metrics = {k.removeprefix("test_"): v for k, v in found["metrics"].items() if k.startswith("test_")}
            yield f"{rank}. best run {found['run_id'][:8]}", metrics
            shown += 1
        rank += 1


def _figures(project: Project, columns: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    deciding = gate_metric(project).name
    yield "| Test part | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for name, metric in registered(project).items():
        cells = [_cell(metrics, name) for metrics in columns.values()]
        if any(cell != ABSENT for cell in cells):
            better = "higher" if metric.direction == "max" else "lower"
            label = f"**{text(name)}**" if name == deciding else text(name)
            yield f"| {label} ({better} is better) | " + " | ".join(cells) + " |"
    rows = [f"{m['rows']:.0f}" if "rows" in m else ABSENT for m in columns.values()]
    yield "| rows | " + " | ".join(rows) + " |"


def _cell(metrics: Mapping[str, float], name: str) -> str:
    if name not in metrics:
        return ABSENT
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    ends = f" ({short(low)} to {short(high)})" if low is not None and high is not None else ""
    return f"{short(metrics[name])}{ends}"


def _gate(project: Project, made: list[dict[str, Any]]) -> Iterator[str]:
    failed = [check for check in made if not check["ok"]]
    if not failed:
        yield f"**It passes all {len(made)} items of the gate in project.yaml.**"
        return
    count = f"**It fails {len(failed)} of {len(made)} items of the gate.**"
    yield f"{count} Confirming it overrules the gate, and is recorded as such."
    yield ""
    yield "| Failed | Reached | Wanted |"
    yield "|---|---|---|"
    for check in failed:
        reached = text(check["note"]) if "note" in check else short(check["value"])
        yield f"| {text(check['name'])} | {reached} | {text(check['limit'])} |"


def _links(settings: Settings, client: MlflowClient, about: Mapping[str, Any], place: str) -> Iterator[str]:
    def link(path: str = "") -> str:
        return mlflow_run_url(settings, place, about["run_id"], path)

    model = mlflow_model_url(settings, about["name"], about["version"])
    yield f"- [Run in MLflow]({link()}), [model version]({model})"
    for folder in ("reports", "plots"):
        found = [one.path for one in client.list_artifacts(about["run_id"], folder) if not one.is_dir]
        if found:
            names = [text(PurePosixPath(path).stem.replace("_", " ")) for path in found]
            yield f"- {folder.capitalize()}: " + ", ".join(f"[{n}]({link(p)})" for n, p in zip(names, found, strict=True))
