"""The model card: what a model is, what it can do and where it comes from, made of the records and nothing else.

Form and headings follow "Model Cards for Model Reporting" (Mitchell et al., 2019). What people say in project.yaml is
shown as their statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.clients.mlflow import log_file, mlflow_client, mlflow_errors
from include.projects import Project
from include.reports import Section, bars, image, page, plots, table
from include.reports.links import link, mlflow_run_url
from include.settings import Settings
from include.training.card_origin import Link
from include.training.card_parts import Part, parts_of
from include.training.evaluation_report import facts
from include.training.models import describe, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

PAGE = "card.html"


def model_card(settings: Settings, project: Project, version: str | int) -> dict[str, Any]:
    """Make the card of a registered model version and keep it with its run, as ``card.html`` and ``card.md``.

    Args:
        settings: name MLflow, the data server and the ledger.
        project: whose model; ``card`` of project.yaml holds what people say.
        version: a number, ``confirmed``, ``production`` or ``latest``.

    Returns:
        ``{"name", "version", "run_id", "html", "markdown", "url"}``.

    Raises:
        InputError: no such version.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"make the card of {project.name} {version}"):
        found = find_version(client, project, version)
        about = describe(client, found)
        parts = parts_of(settings, client, project, about, found.tags)
        title = f"{project.title}: model {about['name']} v{about['version']}"
        sections = [Section(part.title, _html(part), folded=part.folded) for part in parts]
        html = page(title, sections, project.description, _state(about), facts(project, about["metrics"]))
        markdown = _markdown(title, project, parts)
        log_file(client, about["run_id"], PAGE, html.encode())
        log_file(client, about["run_id"], "card.md", markdown.encode())
        url = card_url(settings, client, about["run_id"])
    made = {"name": about["name"], "version": about["version"], "run_id": about["run_id"], "html": html, "markdown": markdown}
    return {**made, "url": url}


def card_url(settings: Settings, client: MlflowClient, run_id: str) -> str:
    """Return the address of the card that a run's model has."""
    return mlflow_run_url(settings, client.get_run(run_id).info.experiment_id, run_id, PAGE)


def _state(about: dict[str, Any]) -> tuple[str, str]:
    said = {"training": "it was not deployed so far", "idle": "it is not in use any more"}
    where = said.get(about["state"], f"its state is {about['state']}")
    return (f"Confirmed; {where}", "good") if about["confirmed"] else (f"Not confirmed; {where}", "warn")


def _html(part: Part) -> Markup:
    made = table(("what", "value"), [(what, _linked(value)) for what, value in part.rows])
    made += Markup("").join(Markup("<p>{}</p>{}").format(name, bars(counts)) for name, counts in part.bars.items())
    return made + plots(image(png, what, "plot") for what, png in part.pictures.items()) if part.pictures else made


def _linked(value: Any) -> Any:
    return link(value.text, value.url) if isinstance(value, Link) else value


def _markdown(title: str, project: Project, parts: list[Part]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, Link) and value.url:
            return f"[{cell(value.text)}]({value.url})"
        return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")

    lines = [f"# {cell(title)}", "", cell(project.description), ""]
    for part in parts:
        lines += [
            f"## {part.title}",
            "",
            "| what | value |",
            "|---|---|",
            *(f"| {cell(k)} | {cell(v)} |" for k, v in part.rows),
            "",
        ]
        for what, counts in part.bars.items():
            lines += [f"{what}: " + ", ".join(f"{cell(k)} {v}" for k, v in counts.items()), ""]
    return "\n".join(lines)
