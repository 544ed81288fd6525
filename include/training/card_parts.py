"""The parts of a model card, each made of the records of one owner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import read_file
from include.ledger import Ledger, LedgerError
from include.projects import Project
from include.reports.numbers import short
from include.settings import Settings
from include.training.card_origin import confirmation, history, lineage, moment
from include.training.evaluation_report import ABOUT
from include.training.metrics import registered

if TYPE_CHECKING:
    from mlflow import MlflowClient

Rows = list[tuple[str, Any]]
NOTHING = "nothing was said"
WORST, FIRST = 10, 10  # slices, and inputs that matter, that are shown
PICTURES = {
    "Metrics on the test part": ("per_class", "confusion_matrix", "regression", "clusters", "map", "returns"),
    "Weakest slices of the test part": ("slices",),
    "Explanations": ("SHAP_map",),
}


@dataclass
class Part:
    """One part of a card.

    Attributes:
        title: its heading.
        rows: what and value.
        bars: figures by name that are drawn as bars, by what they are.
        pictures: PNG by what it shows; on the page alone.
        folded: only the heading is shown on the page.
    """

    title: str
    rows: Rows
    bars: dict[str, dict[str, float]] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    folded: bool = False


def parts_of(
    settings: Settings, client: MlflowClient, project: Project, about: dict[str, Any], tags: Mapping[str, str]
) -> list[Part]:
    """Return the parts of the card of a model version, in order.

    Args:
        settings: name the data server and the ledger.
        client: of MLflow.
        project: whose model; its ``card`` holds what people say.
        about: of `include.training.models.describe`.
        tags: of the model version.
    """
    run = client.get_run(about["run_id"])
    evaluation = _json(client, about["run_id"], "evaluation/evaluation.json")
    environment = {name: value for name, value in run.data.tags.items() if name.startswith("environment.")}
    parts = [
        Part("Model", _model(project, about, run.data.params)),
        Part("Confirmation", confirmation(tags)),
        Part("Intended use (as project.yaml states it)", _said(project)),
        Part("Data", _data(settings, project, about)),
        Part("Metrics on the test part", _metrics(project, about["metrics"]), _classes(evaluation)),
        Part("Weakest slices of the test part", _slices(project, evaluation)),
        Part("Bias by group", _bias(project, evaluation)),
        Part("Explanations", *_explanations(project, evaluation)),
        Part("Hyperparameters", sorted(run.data.params.items()), folded=True),
        Part("Environment", sorted((k.removeprefix("environment."), v) for k, v in environment.items()), folded=True),
        Part("Lineage", lineage(settings, client, project, about, run)),
        Part("History of its states", history(tags)),
        Part("Releases and approvals", _releases(settings, project, about)),
    ]
    kept = {one.path for one in client.list_artifacts(about["run_id"], "plots")}
    for part in parts:
        for name in PICTURES.get(part.title, ()):
            if (path := f"plots/{name}.png") in kept:
                part.pictures[ABOUT.get(name, name.replace("_", " "))] = read_file(client, about["run_id"], path)
    return parts


def _model(project: Project, about: dict[str, Any], params: dict[str, str]) -> Rows:
    return [
        ("name", f"{about['name']} v{about['version']}"),
        ("task", project.task),
        ("state", about["state"]),
        ("author", about["author"]),
        ("framework", params.get("framework", "torch")),
        ("parameters", params.get("parameters")),
        ("augmentation of the training part", params.get("augmentation", "none")),
    ]


def _said(project: Project) -> Rows:
    said = project.card
    return [
        ("for", said.intended_use or NOTHING),
        ("not for", said.not_for or NOTHING),
        ("limits", said.limits or NOTHING),
        ("contact", said.contact or project.owner),
    ]


def _data(settings: Settings, project: Project, about: dict[str, Any]) -> Rows:
    from include.clients.lakefs import DataError
    from include.data import split_document

    data = about["data"]
    rows: Rows = [
        ("version", f"{data.get('repository')} {data.get('version')}"),
        ("commit", data.get("commit")),
        ("split", data.get("split_digest")),
    ]
    try:
        document = split_document(settings, data)
    except DataError as cause:
        return [*rows, ("parts", f"the data server does not tell: {cause.problem}")]
    rows += [(f"part {name}", f"{part['count']} items") for name, part in document["parts"].items()]
    return [*rows, ("rounds", ", ".join(f"{one['repository']}/{one['round']}" for one in document["pieces"]))]


def _metrics(project: Project, metrics: dict[str, float]) -> Rows:
    """Return the metrics of the task beside those of the baseline, then the other figures of the run."""
    known, rows = registered(project), list[tuple[str, Any]]()
    for name in (one for one in known if one in metrics):
        said = _between(metrics[name], metrics.get(f"{name}_low"), metrics.get(f"{name}_high"))
        simple = metrics.get(f"baseline_{name}")
        rows.append((name, said if simple is None else f"{said}; baseline {short(simple)}"))
    rest = sorted(name for name in metrics if name not in known and not name.startswith(("baseline_", "bias_")))
    return rows + [(name, short(metrics[name])) for name in rest if not name.endswith(("_low", "_high"))]


def _between(value: float, low: float | None, high: float | None) -> str:
    return short(value) + (f" (95 % interval {short(low)} to {short(high)})" if low is not None and high is not None else "")


def _classes(evaluation: dict[str, Any]) -> dict[str, dict[str, float]]:
    rows = evaluation.get("per_class") or []
    return {"F1 by class": {row["class"]: round(row["f1"], 4) for row in rows if "f1" in row}} if rows else {}


def _slices(project: Project, evaluation: dict[str, Any]) -> Rows:
    """Return the slices with the worst values, the worst first."""
    measured = [row for row in evaluation.get("slices") or [] if row["value"] is not None]
    if not measured:
        return [("none", "it was measured on no slices")]
    up = registered(project)[measured[0]["metric"]].direction == "max"
    measured.sort(key=lambda row: row["value"] if up else -row["value"])
    return [(f"{row['by']}: {row['slice']}", f"{_slice(row)}, {row['rows']:,} rows") for row in measured[:WORST]]


def _slice(row: dict[str, Any]) -> str:
    return f"{row['metric']} {_between(row['value'], row['low'], row['high'])}"


def _bias(project: Project, evaluation: dict[str, Any]) -> Rows:
    """Return for each way of grouping the differences between its groups, and the figures of each group."""
    rows: Rows = []
    for way, told in (evaluation.get("bias") or {}).items():
        rows += [(f"{way}: {name}", "unknown" if v is None else short(v)) for name, v in told["measures"].items()]
        for group in told["groups"]:
            figures = (f"{name} {short(value)}" for name, value in group.items() if name not in ("group", "rows"))
            rows.append((f"{way} = {group['group']}", f"{', '.join(figures)}, {group['rows']:,} rows"))
        rows += [(f"{way}: left out, too few rows", one) for one in told["small"]]
        rows += [(f"{way}: note", told["note"])] if told.get("note") else []
    if rows:
        return rows
    if project.training.bias is None:
        return [("none", "no groups were compared: training.bias of project.yaml names them")]
    return [("none", "the evaluation compared no groups")]


def _explanations(project: Project, evaluation: dict[str, Any]) -> tuple[Rows, dict[str, dict[str, float]]]:
    """Return how the model was explained, and the inputs that matter most; or why there is nothing."""
    told = evaluation.get("explanation") or {}
    if not told:
        off = "training.explain of project.yaml is false" if project.training.explain is False else "the model was not explained"
        return [("none", evaluation.get("unexplained") or off)], {}
    first = {one["name"]: float(f"{one['value']:.4g}") for one in told["importance"][:FIRST]}
    rows: Rows = [("method", f"{told['method']} over {told['rows']} rows of the test part")]
    return [*rows, *(("missing", note) for note in told.get("notes", []))], {"Mean absolute SHAP value": first}


def _releases(settings: Settings, project: Project, about: dict[str, Any]) -> Rows:
    ledger, rows = Ledger(settings.ledger()), list[tuple[str, Any]]()
    try:
        for release in ledger.releases(project.name):
            if str(release.model.get("version")) == about["version"]:
                rows.append((release.id, f"{release.state}, digest {release.digest}"))
                answers = ledger.approvals(release.id)
                rows += [
                    (f"{release.id} {one.step}", f"{one.decision} by {one.by or 'nobody'} at {moment(one.at)}: {one.reason}")
                    for one in answers
                ]
    except LedgerError as cause:
        rows.append(("unknown", f"the ledger does not tell: {cause}"))
    return rows or [("none", "it was never released")]


def _json(client: MlflowClient, run_id: str, path: str) -> dict[str, Any]:
    try:
        return dict(json.loads(read_file(client, run_id, path)))
    except FileNotFoundError:
        return {}
