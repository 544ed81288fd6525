"""Addresses of records: where a person reads what a report's number comes from."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from markupsafe import Markup, escape

from include.settings import Settings, Zone

MLFLOW_VIEW = "?workflowType=machine_learning"


def report_url(settings: Settings, zone: Zone, project: str, ref: str, path: str) -> str:
    """Return the address of an HTML report kept in a project's repository (`plugins.console.reports` serves it)."""
    return f"{settings.airflow_url.rstrip('/')}/devmlops/reports/{zone}/{project}/{quote(ref, safe='')}/{quote(path)}"


def record_url(settings: Settings, zone: Zone, project: str, ref: str, path: str) -> str:
    """Return the address of a JSON document kept in a project's repository."""
    return f"{settings.airflow_url.rstrip('/')}/devmlops/records/{zone}/{project}/{quote(ref, safe='')}/{quote(path)}"


def dag_run_url(settings: Settings, key: str) -> str | None:
    """Return the address of a pipeline run in Airflow; None where ``key`` is none of Airflow's.

    Args:
        settings: Airflow's address.
        key: what data, runs and releases remember: ``<dag id>/<run id>``.
    """
    dag_id, slash, run_id = key.partition("/")
    if not slash or not dag_id or not run_id:
        return None
    return f"{settings.airflow_url.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def mlflow_run_url(settings: Settings, experiment_id: str, run_id: str, artifact: str = "") -> str:
    """Return the address of a run in MLflow, or of one of its artifacts, in the view for models and not that for prompts."""
    run = f"{_plain(settings.mlflow_url)}/#/experiments/{quote(experiment_id, safe='')}/runs/{quote(run_id, safe='')}"
    return f"{run}{f'/artifacts/{quote(artifact)}' if artifact else ''}{MLFLOW_VIEW}"


def beside(url: str, name: str) -> str:
    """Return the address of another file in the folder of the one that ``url`` leads to."""
    folder, _, file = url.rpartition("/")
    return f"{folder}/{name}{''.join(file.partition('?')[1:])}"


def mlflow_model_url(settings: Settings, name: str, version: str) -> str:
    """Return the address of a registered model version in MLflow."""
    return f"{_plain(settings.mlflow_url)}/#/models/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def link(text: object, url: str | None) -> Markup:
    """Return a link, escaped; the text alone where there is no address, or one that a browser would run."""
    if not url or urlsplit(url).scheme not in ("", "http", "https"):
        return Markup(escape(text))
    return Markup('<a href="{}">{}</a>').format(url, text)


def _plain(url: str) -> str:
    """Return an address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
