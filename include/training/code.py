"""The code of a training run, from its record into the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from include.clients.mlflow import read_file
from include.ledger import CodeVersion, Ledger
from include.ledger import digest as content_digest
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError
from include.training.runs import CODE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def enter_code(settings: Settings, client: MlflowClient, project: Project, run: Run, by: str | None) -> CodeVersion | None:
    """Keep the code that a run was trained with as ``development``; what is known already stays in its state.

    It is the code where the run was trained, which need not be the code here.

    Args:
        settings: of the ledger.
        client: of MLflow.
        project: whose run.
        run: of `include.training.train`.
        by: who trained it.

    Returns:
        The code; None for a run that was trained before runs kept their code.

    Raises:
        InputError: what the run says about its code does not fit its digest.
        LedgerError: the ledger cannot be reached.
    """
    digest = run.data.tags.get("project_code")
    if digest is None:
        return None
    ledger = Ledger(settings.ledger())
    if known := ledger.code(project.name, digest):
        return known
    said = json.loads(read_file(client, run.info.run_id, CODE))
    found = content_digest({path: one["sha256"] for path, one in said["files"].items()})
    if found != digest:
        raise InputError(
            f"run {run.info.run_id} says that its code is {digest[:19]}, but its files are {found[:19]}: train again"
        )
    why = f"training {run.info.run_id}"
    return ledger.enter_code(project.name, said["files"], by, why, said.get("git_commit"), said.get("dirty"))
