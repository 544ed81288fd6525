"""Confirmation: the gate between a trained model and a release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.projects import Project
from include.settings import Settings
from include.training.card import model_card
from include.training.errors import GateError
from include.training.gate import checks
from include.training.models import describe, find_version


def confirm(settings: Settings, project: Project, version: str | int, by: str, why: str = "") -> dict[str, Any]:
    """Put a model version through its project's gate; what passes becomes the ``confirmed`` one.

    Args:
        settings: name MLflow.
        project: gives the gate.
        version: a number or ``latest``.
        by: who confirms.
        why: the reason, kept with the version.

    Returns:
        As `model_info`, with ``checks``.

    Raises:
        GateError: it fails; the failing figures are named, and the version is marked as refused.
        InputError: no such version, or it was not evaluated.
        MlflowError: MLflow did not answer.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"confirm {project.name} {version}"):
        found = find_version(client, project, version)
        number = str(found.version)
        made = checks(project, describe(client, found)["metrics"])
        passed = all(check["ok"] for check in made)
        facts = {
            "confirmed_by": by,
            "confirmed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "confirmed_why": why or ("passed the gate" if passed else "failed the gate"),
            "confirmed": "true" if passed else "false",
        }
        for key, value in facts.items():
            client.set_model_version_tag(project.name, number, key, value)
        if not passed:
            raise GateError(f"{project.name} v{number}", made)
        client.set_registered_model_alias(project.name, "confirmed", number)
        model_card(settings, project, number)
        return {**describe(client, find_version(client, project, number)), "checks": made}
