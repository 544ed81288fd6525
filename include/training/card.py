"""The model card: what a model is, what it can do and where it comes from, made of the records and nothing else.

Form and headings follow "Model Cards for Model Reporting" (Mitchell et al., 2019). What people say in project.yaml is
shown as their statement.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.clients.mlflow import log_file, mlflow_client, mlflow_errors, read_file
from include.ledger import Ledger, LedgerError
from include.projects import Project
from include.reports import Section, bars, page, table
from include.settings import Settings
from include.training.evaluation_report import facts
from include.training.metrics import registered
from include.training.models import describe, find_version
from include.training.states import state_history

if TYPE_CHECKING:
    from mlflow import MlflowClient

Rows = list[tuple[str, Any]]
NOTHING = "nothing was said"
FOLDED = ("Hyperparameters", "Environment")
WORST = 10  # slices that are shown


def model_card(settings: Settings, project: Project, version: str | int) -> dict[str, Any]:
    """Make the card of a registered model version and keep it with its run, as ``card.html`` and ``card.md``.

    Args:
        settings: name MLflow, the data server and the ledger.
        project: whose model; ``card`` of project.yaml holds what people say.
        version: a number, ``confirmed``, ``production`` or ``latest``.

    Returns:
        ``{"name", "version", "run_id", "html", "markdown"}``.

    Raises:
        InputError: no such version.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"make the card of {project.name} {version}"):
        about = describe(client, find_version(client, project, version))
        parts = _parts(settings, client, project, about)
        title = f"{project.title}: model {about['name']} v{about['version']}"
        sections = [Section(name, _html(rows, more), folded=name in FOLDED) for name, rows, more in parts]
        html = page(title, sections, project.description, _state(about), facts(project, about["metrics"]))
        markdown = _markdown(title, project, parts)
        log_file(client, about["run_id"], "card.html", html.encode())
        log_file(client, about["run_id"], "card.md", markdown.encode())
    return {"name": about["name"], "version": about["version"], "run_id": about["run_id"], "html": html, "markdown": markdown}


def _state(about: dict[str, Any]) -> tuple[str, str]:
    said = {"training": "it was not deployed so far", "idle": "it is not in use any more"}
    where = said.get(about["state"], f"its state is {about['state']}")
    return (f"Confirmed; {where}", "good") if about["confirmed"] else (f"Not confirmed; {where}", "warn")


def _parts(
    settings: Settings, client: MlflowClient, project: Project, about: dict[str, Any]
) -> list[tuple[str, Rows, dict[str, Any]]]:
    run = client.get_run(about["run_id"])
    said = project.card
    evaluation = _json(client, about["run_id"], "evaluation/evaluation.json")
    return [
        (
            "Model",
            [
                ("name", f"{about['name']} v{about['version']}"),
                ("task", project.task),
                ("state", about["state"]),
                ("confirmed", "yes" if about["confirmed"] else "no"),
                ("author", about["author"]),
                ("framework", run.data.params.get("framework", "torch")),
                ("parameters", run.data.params.get("parameters")),
                ("augmentation of the training part", run.data.params.get("augmentation", "none")),
                ("code", f"{about['code_digest']}, commit {about['git_commit']}"),
                ("run", about["run_id"]),
            ],
            {},
        ),
        (
            "Intended use (as project.yaml states it)",
            [
                ("for", said.intended_use or NOTHING),
                ("not for", said.not_for or NOTHING),
                ("limits", said.limits or NOTHING),
                ("contact", said.contact or project.owner),
            ],
            {},
        ),
        ("Data", _data(settings, project, about), {}),
        ("Metrics on the test part", _metrics(about["metrics"]), _classes(evaluation)),
        ("Weakest slices of the test part", _slices(project, evaluation), {}),
        ("Hyperparameters", sorted(run.data.params.items()), {}),
        (
            "Environment",
            sorted((k.removeprefix("environment."), v) for k, v in run.data.tags.items() if k.startswith("environment.")),
            {},
        ),
        (
            "History",
            [
                (one["at"], f"{one['state']} by {one['by']}: {one['why']}")
                for one in state_history(settings, project, about["version"])
            ],
            {},
        ),
        ("Releases and approvals", _releases(settings, project, about), {}),
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


def _metrics(metrics: dict[str, float]) -> Rows:
    rows: Rows = []
    for name, value in sorted(metrics.items()):
        if not name.endswith(("_low", "_high")):
            low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
            rows.append(
                (
                    name,
                    f"{value:.4g}"
                    + (f" (95 % interval {low:.4g} to {high:.4g})" if low is not None and high is not None else ""),
                )
            )
    return rows


def _classes(evaluation: dict[str, Any]) -> dict[str, Any]:
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
    between = f" (95 % interval {row['low']:.4g} to {row['high']:.4g})" if row["low"] is not None else ""
    return f"{row['metric']} {row['value']:.4g}{between}"


def _releases(settings: Settings, project: Project, about: dict[str, Any]) -> Rows:
    ledger, rows = Ledger(settings.ledger()), list[tuple[str, Any]]()
    try:
        for release in ledger.releases(project.name):
            if str(release.model.get("version")) == about["version"]:
                rows.append((release.id, f"{release.state}, digest {release.digest}"))
                answers = ledger.approvals(release.id)
                rows += [(f"{release.id} {one.step}", f"{one.decision} by {one.by}: {one.reason}") for one in answers]
    except LedgerError as cause:
        rows.append(("unknown", f"the ledger does not tell: {cause}"))
    return rows or [("none", "it was never released")]


def _json(client: MlflowClient, run_id: str, path: str) -> dict[str, Any]:
    try:
        return dict(json.loads(read_file(client, run_id, path)))
    except FileNotFoundError:
        return {}


def _html(rows: Rows, more: dict[str, Any]) -> Markup:
    made = table(("what", "value"), rows)
    return made + Markup("").join(Markup("<p>{}</p>{}").format(name, bars(counts)) for name, counts in more.items())


def _markdown(title: str, project: Project, parts: list[tuple[str, Rows, dict[str, Any]]]) -> str:
    def cell(value: Any) -> str:
        return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")

    lines = [f"# {cell(title)}", "", cell(project.description), ""]
    for name, rows, more in parts:
        lines += [f"## {name}", "", "| what | value |", "|---|---|", *(f"| {cell(k)} | {cell(v)} |" for k, v in rows), ""]
        for what, counts in more.items():
            lines += [f"{what}: " + ", ".join(f"{cell(k)} {v}" for k, v in counts.items()), ""]
    return "\n".join(lines)
