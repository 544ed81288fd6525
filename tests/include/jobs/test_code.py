"""Where an image holds the code, a job refuses other code than that of the checkout that asked for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from include.jobs.__main__ import BAD_SPEC, REFUSED, main
from include.jobs.request import request
from include.jobs.spec import Spec, spec_uri
from include.management import LOCAL, Environment, code_of
from include.projects import load_project
from include.settings import ROOT, Settings

BOX = Environment(name="box", runtime="docker", image="devmlops:1")
PODS = Environment(name="pods", runtime="kubernetes", image="devmlops:1")
COUNT = ["count", "--spec", spec_uri(Spec("digits", {"to": 1}))]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder of projects with a copy of digits."""
    shutil.copytree(load_project("digits").folder, tmp_path / "p" / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "p"


@pytest.fixture
def in_container(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes this process the job's in a container, as a request says it, with the samples' jobs."""
    monkeypatch.syspath_prepend(str(settings.home.parent / "site"))

    def enter(environment: Environment, projects: Path, there: Path | None = None) -> None:
        asked = request(environment, "count", load_project("digits", projects), {"to": 1}, settings, "key")
        for name, value in asked.variables().items():
            monkeypatch.setenv(name, value)
        if there:
            monkeypatch.setenv("DEVMLOPS_PROJECTS_DIR", str(there))

    return enter


@pytest.mark.parametrize("environment", [BOX, PODS], ids=lambda one: one.name)
def test_a_container_is_told_the_code_that_it_must_run_and_runs_it(environment, in_container, elsewhere, capfd):
    in_container(environment, elsewhere)
    assert main(COUNT) == 0, capfd.readouterr().err


@pytest.mark.parametrize("environment", [BOX, PODS], ids=lambda one: one.name)
def test_an_older_image_is_refused_before_any_work(environment, in_container, elsewhere, capfd):
    (elsewhere / "digits" / "model.py").write_text("# 바뀐 코드\n", encoding="utf-8")
    in_container(environment, elsewhere)
    assert main(COUNT) == REFUSED
    printed = capfd.readouterr()
    told = printed.err.strip().splitlines()[-1]
    old, new = (code_of(load_project("digits", folder)).digest[:19] for folder in (ROOT / "include" / "projects", elsewhere))
    assert f"CodeRefused: the image devmlops:1 holds other code of project digits ({old}) than this checkout ({new})" in told
    assert "(make image TAG=...), push it, and put that into the environment " + environment.name in told
    assert "번째" not in printed.out


def test_a_mounted_folder_in_another_state_is_named(in_container, elsewhere, tmp_path, capfd):
    shutil.copytree(elsewhere, tmp_path / "mounted")
    (elsewhere / "digits" / "model.py").write_text("changed", encoding="utf-8")
    in_container(BOX, elsewhere, there=tmp_path / "mounted")
    assert main(COUNT) == REFUSED
    assert f"the mounted folder {tmp_path / 'mounted'} holds other code of project digits" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("environment", "source"), [(BOX, "FOLDER"), (PODS, "claim:NAME/PATH")], ids=lambda one: getattr(one, "name", "")
)
def test_a_project_that_the_image_has_not_says_how_it_gets_there(environment, source, in_container, elsewhere, capfd):
    in_container(environment, elsewhere)
    assert main(["count", "--spec", spec_uri(Spec("flowers", {"to": 1}))]) == BAD_SPEC
    told = capfd.readouterr().err
    assert "the image devmlops:1 holds no project flowers: build the image with the folder of your projects" in told
    assert f"references: {{projects: {{source: {source}}}}} and env: {{DEVMLOPS_PROJECTS_DIR: /references/projects}}" in told


def test_a_project_that_an_older_image_cannot_read_says_so(in_container, elsewhere, tmp_path, capfd):
    in_container(BOX, elsewhere, there=elsewhere)
    path = elsewhere / "digits" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "novelty: 1\n", encoding="utf-8")
    assert main(COUNT) == BAD_SPEC
    told = capfd.readouterr().err
    assert "novelty" in told and "the image devmlops:1 may be older than the project: build it again" in told


def test_where_the_code_goes_along_nothing_is_compared(settings):
    def wanted(environment: Environment, **changes: str) -> str:
        given = settings.model_copy(update=changes)
        return request(environment, "count", load_project("digits"), {}, given).settings.job_code

    assert wanted(LOCAL) == wanted(Environment(name="cluster", runtime="ray")) == ""
    assert wanted(BOX) == code_of(load_project("digits")).digest
    assert wanted(BOX, job_code="sha256:confirmed") == "sha256:confirmed"
