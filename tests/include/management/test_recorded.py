"""A run's own copy of its code is what runs again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from include.ledger import Ledger
from include.management import CodeRefused, NotReleased, admit, admit_recorded, archive, code_of, recorded_project
from include.projects import Project, load_project
from include.settings import Settings
from tests.fixtures.ledger import confirm_code


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "projects" / "digits"
    shutil.copytree(load_project("digits").folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return load_project("digits", folder.parent)


def test_code_and_settings_are_those_of_the_run(project: Project, tmp_path: Path) -> None:
    digest, content = code_of(project).digest, archive(project)
    (project.folder / "model.py").write_text("raise RuntimeError('today')")
    training = project.training.model_copy(update={"seed": 99})
    found = recorded_project(project.model_copy(update={"training": training}), content, digest, tmp_path / "run 1")
    assert (found.training.seed, code_of(found).digest) == (7, digest)
    assert found.component("model")({"channels": 16, "hidden": 64, "dropout": 0.1})


def test_a_copy_that_is_not_what_the_run_was_trained_with_is_refused(project: Project, tmp_path: Path) -> None:
    content = archive(project)
    with pytest.raises(NotReleased, match=r"the model was trained with sha256:other.*the record of the run was altered"):
        recorded_project(project, content, "sha256:other", tmp_path / "run 2")
    with pytest.raises(NotReleased, match=r"run 3 kept cannot be read: .*: take that release"):
        recorded_project(project, b"no archive", code_of(project).digest, tmp_path / "run 3")


def test_without_a_copy_the_folder_counts_while_it_holds_that_code(project: Project, tmp_path: Path) -> None:
    digest = code_of(project).digest
    assert callable(recorded_project(project, None, digest, tmp_path / "run 4").component("features"))
    (project.folder / "model.py").write_text("other = 1")
    with pytest.raises(NotReleased, match=r"run 4 kept no copy of its code sha256:.* and that of digits here is sha256:.*: put"):
        recorded_project(project, None, digest, tmp_path / "run 4")


def test_only_confirmed_code_runs_on_ops_data(project: Project, tmp_path: Path, migrated_ledger: Any) -> None:
    settings = Settings(home=tmp_path)
    migrated_ledger(settings)
    digest = code_of(project).digest
    with pytest.raises(CodeRefused, match=r"the task x on ops data is refused: the code sha256:.* was never confirmed"):
        admit_recorded(settings, project, digest, "the task x")
    assert Ledger(settings.ledger()).codes(project.name) == []
    admit(settings, project, ops=False, doing="the task x", by="지은")  # the ledger knows it, as in development
    with pytest.raises(CodeRefused, match="was never confirmed"):
        admit_recorded(settings, project, digest, "the task x")
    confirm_code(settings, project)
    admit_recorded(settings, project, digest, "the task x")
