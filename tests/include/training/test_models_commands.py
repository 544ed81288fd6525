"""Registered models on the command line."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from include.clients.mlflow import log_file, mlflow_client
from include.projects import Project
from include.settings import Settings
from include.training.confirm import confirm
from include.training.models import PARAMS, model_info
from include.training.states import set_state
from tests.include.training.registry import gate, own_project, version

pytestmark = pytest.mark.integration


@pytest.fixture
def project() -> Project:
    return own_project()


@pytest.fixture
def said(project: Project, printed: Callable[..., str]) -> Callable[..., str]:
    """Return a function that runs a command about the project's models, and gives what it printed."""
    return functools.partial(printed, "models", project)


def test_versions_are_listed_with_their_state(settings: Settings, project: Project, said: Callable[..., str]) -> None:
    assert f"run {project.name}.model_development" in said("list")
    version(settings, project, author="민지")
    second = version(settings, project)
    confirm(settings, gate(project, minimum=0.5), second, "지은")
    set_state(settings, project, second, "dev_deployed", "지은", "시험")
    head, *rows = said("list").splitlines()
    assert head.split() == ["version", "state", "confirmed", "aliases", "data", "created", "by", "run"]
    assert [row.split()[:4] for row in rows] == [["v2", "dev_deployed", "yes", "confirmed"], ["v1", "training", "no", "-"]]
    assert "none-dev v1" in rows[1] and "민지" in rows[1]
    told = json.loads(said("list", "--json"))
    assert [(one["version"], one["aliases"], one["confirmed"]) for one in told] == [("2", ["confirmed"], True), ("1", [], False)]


def test_one_is_shown_with_record_metrics_and_history(settings: Settings, project: Project, said: Callable[..., str]) -> None:
    version(settings, project, 0.91234, author="민지")
    shown = said("show", "v1")
    assert shown.startswith(f"{project.name} v1: training, not confirmed") and "by 민지" in shown
    assert "0.91234" in shown and "baseline_accuracy" in shown and "registered" in shown
    told = json.loads(said("show", "--json"))
    assert told["metrics"]["accuracy"] == 0.91234 and told["state_history"][0]["why"] == "registered"
    assert said("show", "v7", code=2).startswith(f"{project.name} has no model version 'v7': give a number, latest, or one of")


def test_one_is_downloaded_by_version_or_alias(
    settings: Settings, project: Project, said: Callable[..., str], tmp_path: Path
) -> None:
    number = version(settings, project)
    client, run_id = mlflow_client(settings), model_info(settings, project, number)["run_id"]
    log_file(client, run_id, PARAMS, b"{}")
    log_file(client, run_id, "model/weights.bin", b"weights")
    folder = tmp_path / "모델"
    assert f"{folder} holds {project.name} v1: " in said("download", "latest", str(folder))
    assert (folder / "weights.bin").read_bytes() == b"weights"
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    assert "is there already and not an empty folder" in said("download", "1", str(folder), code=2)
    assert "no model version 'confirmed'" in said("download", "confirmed", str(tmp_path / "x"), code=2)
    (tmp_path / "file").touch()
    assert "cannot be written: " in said("download", "1", str(tmp_path / "file" / "x"), code=2)
    assert json.loads(said("download", "1", str(tmp_path / "y"), "--json"))["version"] == "1"
