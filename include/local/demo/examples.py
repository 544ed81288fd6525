"""Fill the sources of the example projects and make a data version of each, on the local platform.

``python -m include.local.demo.examples``, or ``make examples``; ``--only NAME`` takes some of them. It starts what it
needs of the platform where that does not run, and leaves it running. Run again, it finds nothing new at the sources.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from rich.console import Console
from rich.table import Table

from include import data
from include.clients.airflow import AirflowClient, AirflowError
from include.errors import FinalError
from include.local.demo.people import RunFailed, follow
from include.local.demo.show import Show, Step
from include.local.errors import PlatformError
from include.local.platform import Platform
from include.projects import Project, list_projects, load_project
from include.projects.sources import FilesSource, SqlSource
from include.settings import Settings

SERVICES = ("data-server", "api-server", "scheduler", "dag-processor", "triggerer")
EXAMPLES = (
    "breast_masses", "co2_levels", "digit_maps", "flower_groups", "pole_balance", "shelf_photos", "support_tickets",
    "wine_cultivars",
)  # fmt: skip
ANNOTATIONS = "annotations.json"
"""What the source of an example that comes without labels leaves beside its items: their labels, as COCO."""


@dataclass(frozen=True)
class Result:
    """What came out for one example: its newest version, the split (None where none was made), and where to look."""

    project: str
    version: dict[str, Any]
    split: dict[str, Any] | None
    links: dict[str, str]


def examples(settings: Settings) -> list[Project]:
    """Return the shipped example projects that are there; the demo's own is none of them, nor is what somebody made."""
    return [load_project(name, settings.projects_dir) for name in list_projects(settings.projects_dir) if name in EXAMPLES]


def chosen_projects(settings: Settings, only: list[str]) -> list[Project]:
    """Return the examples; where some are named, these, which may be any projects that fill their own source.

    Raises:
        PlatformError: one that is named is not there, or fills no source.
    """
    if not only:
        return examples(settings)
    known = list_projects(settings.projects_dir)
    if unknown := sorted(set(only) - set(known)):
        raise PlatformError(f"there is no example {', '.join(unknown)}; examples: {', '.join(known)}")
    found = [load_project(name, settings.projects_dir) for name in known if name in only]
    if without := [project.name for project in found if not project.components.source]:
        raise PlatformError(f"{', '.join(without)} fills no source: name components.source in its project.yaml")
    return found


def source_place(settings: Settings, project: Project) -> str | Path:
    """Return what the component ``source`` of a project fills: the URL of a database, or a folder.

    Raises:
        PlatformError: the project reads from something that is not on this machine.
    """
    source = project.data.source
    if isinstance(source, SqlSource):
        return settings.source_url.get_secret_value()
    if isinstance(source, FilesSource) and "://" not in source.url:
        return Path(settings.home, source.url)
    raise PlatformError(f"the source of {project.name} is of kind {source.kind}, which nothing fills on this machine")


class Examples:
    """Runs the data pipelines of the examples as a developer does, by Airflow's REST API.

    Args:
        settings: the running platform.
        airflow: a developer's log-in.
    """

    def __init__(self, settings: Settings, airflow: AirflowClient) -> None:
        self.settings, self.airflow = settings, airflow

    def run(self, project: Project, step: Step) -> Result:
        """Fill the source of an example, prepare its data, and bring in its labels where they come as a file."""
        step.now("its source is filled")
        place = source_place(self.settings, project)
        added = project.component("source")(place)
        result = self._pipeline(project, "data_preparation", {"notes": f"Example / 예제: {project.title}"}, step)
        labels = place / ANNOTATIONS if isinstance(place, Path) else None
        if result.version["state"] == "refined" and labels and labels.is_file():
            self.settings.label_files.mkdir(parents=True, exist_ok=True)
            name = f"{project.name}.json"
            shutil.copyfile(labels, self.settings.label_files / name)
            conf = {"version": result.version["version"], "file": name, "format": "coco", "notes": "Labels of the example"}
            labelled = self._pipeline(project, "labelling", conf, step)
            result = Result(project.name, labelled.version, labelled.split, result.links | labelled.links)
        version = result.version
        what = f"{version['version']} {version['state']}: {version['count']} items, {version['labelled']} with label"
        step.result = f"{added} new at the source; {what}"
        return result

    def _pipeline(self, project: Project, name: str, conf: dict[str, Any], step: Step) -> Result:
        dag_id = f"{project.name}.{name}"
        self._known(dag_id, step)
        run_id = self.airflow.trigger(dag_id, conf, run_id=f"example-{uuid.uuid4().hex[:10]}")
        tasks = follow(self.airflow, dag_id, run_id, step)
        done = {one for one, found in tasks.items() if found["state"] == "success"}
        made = self.airflow.xcom(dag_id, run_id, "tag_version") if "tag_version" in done else None
        version = made or data.latest_version(self.settings, project, "dev")
        split = self.airflow.xcom(dag_id, run_id, "make_split") if "make_split" in done else None
        reports = {name: found for task in sorted(done) for name, found in self.airflow.links(dag_id, run_id, task).items()}
        base = self.settings.airflow_url
        links = {f"run of {name}": f"{base}/dags/{dag_id}/runs/{run_id}"}
        return Result(project.name, version, split, links | {one: urljoin(base, found) for one, found in reports.items()})

    def _known(self, dag_id: str, step: Step, timeout_s: float = 180) -> None:
        """Wait until Airflow has read a DAG, as it does some time after a project has come.

        Raises:
            TimeoutError: it does not know the DAG.
        """
        end = time.monotonic() + timeout_s
        while True:
            try:
                self.airflow.call("GET", f"/api/v2/dags/{dag_id}")
                return
            except AirflowError as error:
                if error.status != 404:
                    raise
                if time.monotonic() > end:
                    raise TimeoutError(f"Airflow does not know {dag_id}: look under Import Errors there") from error
            step.now(f"waiting for Airflow to read {dag_id}")
            time.sleep(2)


def table(results: list[Result]) -> Table:
    """Return the closing table: version, state, counts and split of each example."""
    made = Table(title="Example projects", title_justify="left")
    for name in ("project", "version", "state", "items", "labelled", "split"):
        made.add_column(name, justify="right" if name in ("items", "labelled") else "left")
    for one in results:
        version, counts = one.version, one.split["counts"] if one.split else {}
        told = [version["version"], version["state"], f"{version['count']:,}", f"{version['labelled']:,}"]
        made.add_row(one.project, *told, " / ".join(f"{count} {part}" for part, count in counts.items()))
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the examples; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local.demo.examples", description=__doc__)
    parser.add_argument("--home", type=Path, help="home folder of the platform; DEVMLOPS_HOME or .devmlops otherwise")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this project alone; may be given again")
    options = parser.parse_args(arguments)
    platform, console = Platform(options.home), Console(highlight=False)
    show = Show(platform.places.home / "demo" / "examples.json", console)
    show.summary = {"steps": [], "examples": []}
    results: list[Result] = []
    try:
        chosen = chosen_projects(platform.settings, options.only)
        with show.step("platform") as step:
            platform.up(SERVICES)
            step.result = platform.settings.airflow_url
        with AirflowClient(platform.settings.airflow_url, "developer", platform.secrets.passwords["developer"]) as airflow:
            run = Examples(platform.settings, airflow)
            for project in chosen:
                with show.step(project.name) as step:
                    results.append(run.run(project, step))
                    show.summary["examples"].append(vars(results[-1]))
    except (RunFailed, PlatformError, AirflowError, FinalError, TimeoutError, OSError) as error:
        console.print(f"\n[red]The examples stopped:[/] {type(error).__name__}: ", end="")
        console.print(str(error), markup=False)
        return 1
    finally:
        show.save()
        if results:
            console.print(table(results))
            for one in results:
                for name, address in one.links.items():
                    console.print(f"  {one.project}, {name}: {address}", soft_wrap=True, markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
