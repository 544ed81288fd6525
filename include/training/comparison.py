"""Many runs on one page, and the n-th best of an experiment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.clients.mlflow import ensure_experiment, log_file, mlflow_client, mlflow_errors
from include.projects import Project
from include.reports import Section, page, table
from include.reports.links import link, mlflow_run_url
from include.reports.numbers import short
from include.settings import Settings
from include.training import runs
from include.training.errors import InputError
from include.training.metrics import gate_metric, registered

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REPORT = "reports/comparison.html"
MOST = 50
DATA = ("data_repository", "data_zone", "data_version", "data_commit", "split_path", "split_digest")
CODE = ("code_digest", "git_commit")
ABSENT = "-"
EXACT = re.compile(r"-?\d+\.\d{6,}(e-?\d+)?")  # a number with more digits than people read
DIGEST = re.compile(r"(sha256:)?[0-9a-f]{32,64}")


def compare_runs(settings: Settings, project: Project, run_ids: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Compare training runs field by field.

    Args:
        settings: name MLflow.
        project: whose runs.
        run_ids: two to 50 of them, in the order of the columns.

    Returns:
        An HTML page in which rows that differ are marked, and the same as a dict: ``runs`` (``run_id``, ``name``,
        ``status``, ``author``), ``fields`` (by section ``data``, ``code``, ``params``, ``metrics`` and
        ``environment``: rows of ``name``, ``values`` of each run with None where it has none, ``same``, and of metrics
        the run_id of the ``best``) and ``different`` (names of the rows that differ).

    Raises:
        InputError: fewer than two runs, one given twice, one that is not there or of another project.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"compare runs of {project.name}"):
        found = [_run(client, project, run_id) for run_id in _asked(run_ids)]
        told = _told(project, found)
        return _page(settings, project, found, told), told


def write_comparison(
    settings: Settings, project: Project, run_ids: Sequence[str] = (), best: int = 5, author: str = "devmlops"
) -> dict[str, Any]:
    """Compare runs and keep the page as ``reports/comparison.html`` of a run of the experiment ``<project>/comparisons``.

    Args:
        settings: name MLflow.
        project: whose runs.
        run_ids: two to 50 of them; none takes the best of the project by the gate's metric.
        best: how many of the best.
        author: who asked.

    Returns:
        ``run_id`` and ``experiment_id`` of the comparison, ``url``, ``runs`` and ``different``.
    """
    chosen = list(run_ids) or best_runs(settings, project, best)
    html, told = compare_runs(settings, project, chosen)
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"write a comparison of {project.name}"):
        place = ensure_experiment(client, f"{project.name}/comparisons")
        tags = {"devmlops.kind": "comparison", "devmlops.project": project.name, "devmlops.author": author, "mlflow.user": author}
        run_id = str(client.create_run(place, run_name=f"comparison of {len(told['runs'])} runs", tags=tags).info.run_id)
        with runs.closing(client, run_id):
            log_file(client, run_id, REPORT, html.encode())
            client.log_dict(run_id, told, "comparison.json")
    url = mlflow_run_url(settings, place, run_id)
    return {
        "run_id": run_id,
        "experiment_id": place,
        "url": url,
        "runs": [one["run_id"] for one in told["runs"]],
        "different": told["different"],
    }


def best_runs(settings: Settings, project: Project, most: int, experiment: str | None = None) -> list[str]:
    """Return the run_ids of at most ``most`` evaluated training runs, the best first."""
    first = nth_best(settings, project, experiment)
    rest = range(2, min(most, first["of"]) + 1)
    return [first["run_id"], *(nth_best(settings, project, experiment, n)["run_id"] for n in rest)]


def nth_best(
    settings: Settings, project: Project, experiment: str | None = None, n: int = 1, metric: str | None = None
) -> dict[str, Any]:
    """Return the n-th best evaluated training run of an experiment; of equal ones the older is the better.

    Args:
        settings: name MLflow.
        project: gives the metric, and what runs are its own.
        experiment: its name; None takes the project's training runs.
        n: counted from 1.
        metric: a registered one; None takes the gate's.

    Returns:
        ``run_id``, ``rank``, ``metric``, ``value``, ``of`` (evaluated runs that there are), ``params`` and ``metrics``.

    Raises:
        InputError: no such experiment or metric, or fewer evaluated runs.
    """
    wanted = registered(project).get(metric) if metric else gate_metric(project)
    if wanted is None:
        raise InputError(
            f"the metric {metric!r} is not registered for {project.name}; there are {', '.join(registered(project))}"
        )
    if isinstance(n, bool) or n < 1:
        raise InputError(f"n is {n}: the best is 1")
    client, name = mlflow_client(settings), experiment or runs.experiment(project)
    with mlflow_errors(settings, f"look for the best run of {name}"):
        place = client.get_experiment_by_name(name)
        if place is None or place.lifecycle_stage != "active":
            raise InputError(f"there is no experiment {name!r}")
        done = _evaluated(client, project, str(place.experiment_id), f"test_{wanted.name}")
    sign = -1 if wanted.direction == "max" else 1
    done.sort(key=lambda run: (sign * run.data.metrics[f"test_{wanted.name}"], run.info.start_time))
    if n > len(done):
        problem = f"{name} has {len(done)} evaluated runs with {wanted.name}"
        raise InputError(f"{problem}: there is no number {n}")
    best = done[n - 1]
    return {
        "run_id": best.info.run_id,
        "rank": n,
        "metric": wanted.name,
        "value": best.data.metrics[f"test_{wanted.name}"],
        "of": len(done),
        "params": dict(best.data.params),
        "metrics": dict(best.data.metrics),
    }


def _evaluated(client: MlflowClient, project: Project, experiment_id: str, metric: str) -> list[Run]:
    import math

    asked = f"tags.`devmlops.kind` = 'training' and tags.`devmlops.project` = '{project.name}' and attributes.status = 'FINISHED'"
    found, token = [], None
    while True:
        some = client.search_runs([experiment_id], asked, max_results=1000, page_token=token)
        found += [run for run in some if math.isfinite(run.data.metrics.get(metric, math.nan))]
        token = some.token
        if not token:
            return found


def _asked(run_ids: Sequence[str]) -> list[str]:
    asked = [str(one).strip() for one in run_ids]
    if not 2 <= len(asked) <= MOST:
        raise InputError(f"{len(asked)} runs were given: give 2 to {MOST}")
    if twice := sorted({one for one in asked if asked.count(one) > 1}):
        raise InputError(f"{', '.join(twice)} was given twice")
    return asked


def _run(client: MlflowClient, project: Project, run_id: str) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as cause:
        if cause.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(f"MLflow has no run {run_id!r}") from cause
    if run.data.tags.get("devmlops.project") != project.name:
        raise InputError(f"run {run_id} is none of {project.name}")
    return run


def _told(project: Project, found: Sequence[Run]) -> dict[str, Any]:
    known = registered(project)
    sections: dict[str, list[Mapping[str, Any]]] = {
        "data": [{name: run.data.tags.get(name) for name in DATA} for run in found],
        "code": [{name: run.data.tags.get(name) for name in CODE} for run in found],
        "params": [dict(run.data.params) for run in found],
        "metrics": [dict(run.data.metrics) for run in found],
        "environment": [
            {k.removeprefix("environment."): v for k, v in run.data.tags.items() if k.startswith("environment.")} for run in found
        ],
    }
    fields: dict[str, list[dict[str, Any]]] = {}
    for section, values in sections.items():
        fields[section] = []
        for name in sorted({key for one in values for key in one}):
            row = [one.get(name) for one in values]
            line: dict[str, Any] = {"name": name, "values": row, "same": all(value == row[0] for value in row)}
            if section == "metrics" and (one := known.get(name.removeprefix("test_"))) and not line["same"]:
                pairs = [(value, run) for value, run in zip(row, found, strict=True) if value is not None]
                top = (max if one.direction == "max" else min)(value for value, _ in pairs)
                line["best"] = [run.info.run_id for value, run in pairs if value == top]
            fields[section].append(line)
    return {
        "runs": [
            {
                "run_id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "author": run.data.tags.get("devmlops.author"),
                "started": run.info.start_time,
            }
            for run in found
        ],
        "fields": fields,
        "different": [f"{section}.{row['name']}" for section, rows in fields.items() for row in rows if not row["same"]],
    }


def _page(settings: Settings, project: Project, found: Sequence[Run], told: Mapping[str, Any]) -> str:
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
