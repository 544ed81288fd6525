"""Starts and finds runs from within the api-server, through Airflow's own functions."""

from __future__ import annotations

from typing import Any

from plugins.console.errors import ApiError


def exists(dag_id: str, run_id: str | None = None) -> bool:
    """Return whether there is such a DAG, or such a run of it."""
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(DagModel.dag_id).where(DagModel.dag_id == dag_id, ~DagModel.is_stale)
    if run_id is not None:
        query = select(DagRun.dag_id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        return session.scalar(query.limit(1)) is not None


def start(dag_id: str, run_id: str, conf: dict[str, Any], by: str) -> bool:
    """Start a run; return False where there is one of that id already.

    Args:
        dag_id: the DAG.
        run_id: id of the run.
        conf: its params.
        by: who Airflow shows as having started it.

    Raises:
        ApiError: 404 or 422, Airflow does not take the run; the message says why.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound, DagRunAlreadyExists
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy.exc import IntegrityError

    try:
        trigger_dag(dag_id, run_id=run_id, conf=conf, triggered_by=DagRunTriggeredByType.REST_API, triggering_user_name=by)
    except (DagRunAlreadyExists, IntegrityError):
        return False
    except DagNotFound as cause:
        raise ApiError(404, "unknown_dag", f"{dag_id} is not there", "wait until Airflow has read its file") from cause
    except (ParamValidationError, ValueError) as cause:
        raise ApiError(422, "invalid_conf", f"{dag_id} does not take this run: {cause}", "correct the alert") from cause
    return True
