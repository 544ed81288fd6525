"""Many runs on one page, and the n-th best of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.clients.mlflow import ensure_experiment, log_file, mlflow_client, mlflow_errors
from include.projects import Project
from include.reports.links import mlflow_run_url
from include.settings import Settings
from include.training import runs
from include.training.comparison_page import comparison_page
from include.training.errors import InputError
from include.training.experiments import find
from include.training.metrics import Metric, gate_metric, metric_of, registered
from include.training.packages import differing, packages_of
from include.training.runs import REPRODUCES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REPORT = "reports/comparison.html"
MOST = 50
DATA = ("data_repository", "data_zone", "data_version", "data_commit", "split_path", "split_digest")
CODE = ("project_code", "code_digest", "git_commit")


def compare_runs(settings: Settings, project: Project, run_ids: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Compare training runs field by field.

    Args:
        settings: name MLflow.
        project: whose runs.
        run_ids: two to 50 of them, in the order of the columns.

    Returns:
        An HTML page in which rows that differ are marked, and the same as a dict: ``runs`` (``run_id``, ``name``,
        ``status``, ``author``), ``fields`` (by section ``data``, ``code``, ``params``, ``metrics``, ``environment``
        and ``packages``: rows of ``name``, ``values`` of each run with None where it has none, ``same``, and of metrics
        the run_id of the ``best``; of packages only those that differ), ``different`` (names of the rows that differ) and
        ``packages_unknown`` (runs that do not say which packages were installed).

    Raises:
        InputError: fewer than two runs, one given twice, one that is not there or of another project.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"compare runs of {project.name}"):
        found = [runs.find_run(client, project, run_id) for run_id in _asked(run_ids)]
        told = _told(client, project, found)
        return comparison_page(settings, project, found, told), told


def write_comparison(
    settings: Settings,
    project: Project,
    run_ids: Sequence[str] = (),
    best: int = 5,
    author: str = "devmlops",
    experiment: str = "",
) -> dict[str, Any]:
    """Compare runs and keep the page as ``reports/comparison.html`` of a run of the experiment ``<project>/comparisons``.

    Args:
        settings: name MLflow.
        project: whose runs.
        run_ids: two to 50 of them; none takes the best by the gate's metric.
        best: how many of the best.
        author: who asked.
        experiment: whose best, by its title; empty takes the project's own.

    Returns:
        ``run_id`` and ``experiment_id`` of the comparison, ``url`` of its run, ``report``, the page's address, ``runs`` and
        ``different``.

    Raises:
        InputError: as of `compare_runs` and `nth_best`; or runs are named and an experiment too.
        MlflowError: MLflow did not answer.
    """
    if run_ids and experiment:
        raise InputError(f"{len(run_ids)} runs are named and the experiment {experiment!r} too: give one of them, and not both")
    chosen = list(run_ids) or best_runs(settings, project, best, experiment)
    html, told = compare_runs(settings, project, chosen)
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"write a comparison of {project.name}"):
        place = ensure_experiment(client, f"{project.name}/comparisons")
        tags = {"devmlops.kind": "comparison", "devmlops.project": project.name, "devmlops.author": author, "mlflow.user": author}
        run_id = str(client.create_run(place, run_name=f"comparison of {len(told['runs'])} runs", tags=tags).info.run_id)
        with runs.closing(client, run_id):
            log_file(client, run_id, REPORT, html.encode())
            client.log_dict(run_id, told, "comparison.json")
    return {
        "run_id": run_id,
        "experiment_id": place,
        "url": mlflow_run_url(settings, place, run_id),
        "report": mlflow_run_url(settings, place, run_id, REPORT),
        "runs": [one["run_id"] for one in told["runs"]],
        "different": told["different"],
    }


def best_runs(settings: Settings, project: Project, most: int, experiment: str = "") -> list[str]:
    """Return the run_ids of at most ``most`` evaluated training runs, the best first; arguments and errors as of `nth_best`."""
    ranked, wanted, title = _ranked(settings, project, experiment, None)
    if not ranked:
        raise InputError(f"{title} of {project.name} has no evaluated run with {wanted.name}")
    return [str(run.info.run_id) for run in ranked[:most]]


def nth_best(settings: Settings, project: Project, experiment: str = "", n: int = 1, metric: str | None = None) -> dict[str, Any]:
    """Return the n-th best evaluated training run of an experiment; of equal ones the older is the better.

    A run in which another was reproduced is none of them: it is that other one once more.

    Args:
        settings: name MLflow.
        project: gives the metric, and what runs are its own.
        experiment: its title, or its name in MLflow; empty takes the project's own.
        n: counted from 1.
        metric: a registered one; None takes the gate's.

    Returns:
        ``run_id``, ``rank``, ``metric``, ``value``, ``of`` (evaluated runs that there are), ``params`` and ``metrics``.

    Raises:
        InputError: no such experiment or metric, or fewer evaluated runs.
        MlflowError: MLflow did not answer.
    """
    if isinstance(n, bool) or n < 1:
        raise InputError(f"n is {n}: the best is 1")
    ranked, wanted, title = _ranked(settings, project, experiment, metric)
    if n > len(ranked):
        problem = f"{title} of {project.name} has {len(ranked)} evaluated runs with {wanted.name}"
        raise InputError(f"{problem}: there is no number {n}")
    best = ranked[n - 1]
    return {
        "run_id": best.info.run_id,
        "rank": n,
        "metric": wanted.name,
        "value": best.data.metrics[f"test_{wanted.name}"],
        "of": len(ranked),
        "params": dict(best.data.params),
        "metrics": dict(best.data.metrics),
    }


def _ranked(settings: Settings, project: Project, experiment: str, metric: str | None) -> tuple[list[Run], Metric, str]:
    """Return the evaluated training runs of an experiment, the best first, by which metric, and the experiment's title."""
    wanted = metric_of(project, metric) if metric else gate_metric(project)
    client, name = mlflow_client(settings), experiment or runs.experiment(project)
    with mlflow_errors(settings, f"look for the best run of {name}"):
        place = find(client, project, name)
        done = _evaluated(client, project, place.id, f"test_{wanted.name}")
    sign = -1 if wanted.direction == "max" else 1
    done.sort(key=lambda run: (sign * run.data.metrics[f"test_{wanted.name}"], run.info.start_time))
    return done, wanted, place.title


def _evaluated(client: MlflowClient, project: Project, experiment_id: str, metric: str) -> list[Run]:
    import math

    asked = f"tags.`devmlops.kind` = 'training' and tags.`devmlops.project` = '{project.name}' and attributes.status = 'FINISHED'"
    found, token = [], None
    while True:
        some = client.search_runs([experiment_id], asked, max_results=1000, page_token=token)
        measured = (run for run in some if math.isfinite(run.data.metrics.get(metric, math.nan)))
        found += [run for run in measured if REPRODUCES not in run.data.tags]
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


def _told(client: MlflowClient, project: Project, found: Sequence[Run]) -> dict[str, Any]:
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
    listed = [packages_of(client, run.info.run_id) for run in found]
    fields["packages"] = [{"name": name, "values": row, "same": False} for name, row in differing(*listed).items()]
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
        "packages_unknown": [run.info.run_id for run, known in zip(found, listed, strict=True) if known is None],
    }
