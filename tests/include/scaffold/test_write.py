"""A new project is written whole or not at all, passes its own tests and the linters, and has its DAGs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.projects import list_projects, load_project
from include.scaffold import KINDS, ScaffoldError, new_project
from include.scaffold.__main__ import main
from include.settings import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a project of each kind."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        new_project(f"new_{kind}", kind, title=f"새 프로젝트: {kind} #1", owner="데이터 팀", into=folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_is_what_was_asked_for(kind: str, made: Path) -> None:
    project = load_project(f"new_{kind}", made)
    assert project.title == f"새 프로젝트: {kind} #1" and project.owner == project.card.contact == "데이터 팀"
    assert project.has_model and (project.domain, project.task) == (KINDS[kind].domain, KINDS[kind].task)
    assert project.card.intended_use and project.card.not_for and project.card.limits
    text = (project.folder / "project.yaml").read_text(encoding="utf-8")
    assert {"release", "approval", "monitoring", "retraining", "training", "card"} <= set(yaml.safe_load(text))
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((project.folder / schema).read_text(encoding="utf-8"))["title"] == "project.yaml"
    assert all(callable(project.component(name)) for name in ("model", "postprocess", "features", "source"))


def test_other_processes_see_nothing_unfinished(made: Path) -> None:
    assert list_projects(made) == sorted(f"new_{kind}" for kind in KINDS) == sorted(path.name for path in made.iterdir())


def test_linters_find_nothing(made: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *command, "--config", ROOT / "pyproject.toml", made], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout


def test_each_passes_its_own_tests(made: Path) -> None:
    folders = [str(made / f"new_{kind}") for kind in KINDS]
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=250)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-3000:]


def test_its_dags_appear_by_themselves(made: Path) -> None:
    script = (
        "import importlib.util, pathlib, sys\n"
        "found = []\n"
        f"for path in sorted(pathlib.Path({str(ROOT / 'dags')!r}).glob('*.py')):\n"
        "    spec = importlib.util.spec_from_file_location('dag_' + path.stem, path)\n"
        "    module = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    found += [name for name in vars(module) if name.startswith('new_')]\n"
        "print(' '.join(found))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(made)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = set(done.stdout.splitlines()[-1].split())
    for kind in KINDS:
        pipelines = {name.partition(".")[2] for name in found if name.startswith(f"new_{kind}.")}
        assert {"data_preparation", "model_development", "release", "monitoring", "retraining", "rollback"} <= pipelines, kind


def test_nothing_is_overwritten_and_nothing_left_behind(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("할 일")
    with pytest.raises(ScaffoldError, match="already"):
        new_project("mine", "vision", into=tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "work.txt"]


@pytest.mark.parametrize("when", ["render", "rename"])
def test_a_break_in_the_middle_leaves_nothing(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text" if when == "render" else "rename", broken)
    with pytest.raises((ScaffoldError, OSError), match="No space left"):
        new_project("halfway", "tabular", into=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"kind": "video"}, "no kind of project 'video'. Take one of vision, language, tabular, timeseries"),
        ({"title": "두\n줄"}, "the title '두\\\\n줄' cannot be used"),
        ({"title": "x" * 201}, "Give one line of 1 to 200 characters"),
        ({"owner": " "}, "the owner '' cannot be used"),
        ({"name": "class"}, "Take 'class_project'"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, str], says: str, tmp_path: Path) -> None:
    given = {"name": "fine", "kind": "vision", **changed}
    with pytest.raises(ScaffoldError, match=says):
        new_project(given.pop("name"), given.pop("kind"), into=tmp_path, **given)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "title", ["yes", "12", "a: b", "- x", "#1", "{{ name }}", 'it\'s "so"', "on", "3-4", "한글 제목", "*x", "a\\b", "x "]
)
def test_titles_come_back_as_they_were_given(title: str, tmp_path: Path) -> None:
    assert new_project("titled", "tabular", title=title, into=tmp_path).title == title.strip()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match="Name another folder by --into"):
        new_project("fine", "vision", into=tmp_path / "file" / "projects")


def test_the_command_tells_files_and_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sea_ice", "--kind", "timeseries", "--title", "바다 얼음", "--into", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / 'sea_ice'}/" in said and "model.py" in said and "tests/test_components.py" in said
    commands = said.partition("Next:\n")[2].strip().splitlines()
    assert len(commands) == 3 and all("sea_ice" in line for line in commands)
    assert f"DEVMLOPS_PROJECTS_DIR={tmp_path}" in commands[1] and "model_development" in commands[2]
    installed = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "-m pytest" in commands[0] and "\npytest==" in installed, "`make install` brings what the first command needs"


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["손글씨", "--kind", "vision", "--into", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_make_hands_everything_on(tmp_path: Path) -> None:
    asked = {"NAME": "sea ice'; touch x", "KIND": "vision", "TITLE": '바다 "얼음"', "INTO": str(tmp_path)}
    done = subprocess.run(
        ["make", "-o", "install", "project", *(f"{key}={value}" for key, value in asked.items())],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0 and "Take 'sea_ice_touch_x'" in done.stderr, done.stderr
    asked["NAME"] = "sea_ice"
    command = ["make", "-o", "install", "project", *(f"{key}={value}" for key, value in asked.items())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert load_project("sea_ice", tmp_path).title == '바다 "얼음"'
