"""The code of a project is known by its content; the ops zone runs what somebody confirmed, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.ledger import Ledger, LedgerError
from include.management import CodeRefused, admit, admit_served, code_of, compare_files
from include.management.__main__ import main
from include.management.code import enter, git_state
from include.projects import Project, load_project
from include.settings import Settings
from tests.fixtures.ledger import confirm_code


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a copy of digits that a test may change."""
    folder = tmp_path / "projects" / "digits"
    shutil.copytree(load_project("digits").folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return load_project("digits", folder.parent)


@pytest.fixture
def settings(tmp_path: Path, project: Project, migrated_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(home=tmp_path, projects_dir=project.folder.parent)
    migrated_ledger(made)
    monkeypatch.setenv("DEVMLOPS_HOME", str(tmp_path))
    monkeypatch.setenv("DEVMLOPS_PROJECTS_DIR", str(project.folder.parent))
    return made


def test_the_digest_is_of_names_and_contents_alone(project: Project) -> None:
    before = code_of(project)
    assert before.digest.startswith("sha256:") and before.files["project.yaml: training.gate"]["kind"] == "configuration"
    assert "project.yaml" not in before.files
    kinds = {
        path: before.files[path]["kind"] for path in ("model.py", "preprocess.py", "postprocess.py", "drift.py", "source.py")
    }
    assert list(kinds.values()) == ["model", "preprocessing", "postprocessing", "code", "source"]
    (project.folder / "__pycache__").mkdir()
    (project.folder / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"x")
    (project.folder / ".비밀").write_text("x", encoding="utf-8")
    assert code_of(project) == before
    (project.folder / "단어.txt").write_text("하나", encoding="utf-8")
    assert code_of(project).files["단어.txt"]["kind"] == "data" and code_of(project).digest != before.digest
    (project.folder / "단어.txt").unlink()
    (project.folder / "model.py").rename(project.folder / "moved.py")
    assert code_of(project).digest != before.digest


def test_git_says_the_commit_and_whether_this_folder_differs(project: Project, tmp_path: Path) -> None:
    assert git_state(tmp_path / "none") == (None, None)
    run = lambda *words: subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)  # noqa: E731
    run("init", "-q")
    run("add", "projects")
    run("-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "첫")
    (tmp_path / "elsewhere.py").write_text("x")
    commit, dirty = git_state(project.folder)
    assert commit and len(commit) == 40 and dirty is False
    (project.folder / "new.py").write_text("x")
    assert git_state(project.folder) == (commit, True)


def test_dev_runs_any_code_and_keeps_it_as_development(settings: Settings, project: Project) -> None:
    digest = admit(settings, project, False, "the task train", "minji")
    assert digest == admit(settings, project, False, "the task evaluate", "other") == code_of(project).digest
    (one,) = Ledger(settings.ledger()).codes("digits")
    assert (one.state, one.by, one.digest) == ("development", "minji", digest)


def test_ops_refuses_what_is_not_confirmed_and_names_the_files(settings: Settings, project: Project) -> None:
    with pytest.raises(
        CodeRefused, match=r"train on ops data is refused: no code of digits was ever confirmed; run digits\.model_"
    ):
        admit(settings, project, True, "train")
    confirm_code(settings, project)
    assert admit(settings, project, True, "train") == code_of(project).digest
    (project.folder / "model.py").write_text("changed")
    (project.folder / "새것.py").write_text("added")
    (project.folder / "drift.py").unlink()
    with pytest.raises(
        CodeRefused, match=r"added: 새것\.py; removed: drift\.py; changed: model\.py\. Run digits\.model_dev"
    ) as refused:
        admit(settings, project, True, "train")
    assert refused.value.differs == {"added": ["새것.py"], "removed": ["drift.py"], "changed": ["model.py"]}
    assert Ledger(settings.ledger()).codes("digits")[1].state == "development"
    assert confirm_code(settings, project) == admit(settings, project, True, "train")


def rewritten(project: Project, place: str, value: Any) -> Project:
    """Return the project with another value in its project.yaml."""
    path = project.folder / "project.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    above, _, key = place.rpartition(".")
    part = raw
    for name in above.split(".") if above else []:
        part = part[name]
    part[key] = value
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return load_project(project.name, project.folder.parent)


def test_ops_asks_again_for_another_gate_and_not_for_another_owner_or_limit_of_watching(
    settings: Settings, project: Project
) -> None:
    digest = confirm_code(settings, project)
    for place, value in (("owner", "다른 팀"), ("monitoring.threshold", 0.9), ("card.limits", "없음")):
        project = rewritten(project, place, value)
        assert admit(settings, project, True, "train") == digest
    project = rewritten(project, "training.gate.minimum", 0.1)
    with pytest.raises(CodeRefused, match=r"these differ: changed: project\.yaml: training\.gate\. Run digits"):
        admit(settings, project, True, "train")
    served = ["preprocess.py", "postprocess.py"]
    admit_served(settings, project, served, "packaging")  # the gate of the next model does not answer
    project = rewritten(project, "classes", list("abcdefghij"))
    with pytest.raises(CodeRefused, match=r"these differ: changed: project\.yaml: classes\. "):
        admit_served(settings, project, served, "packaging")


def test_code_of_one_record_for_project_yaml_stays_readable() -> None:
    old = {"a.py": {"sha256": "1"}, "project.yaml": {"sha256": "2"}}
    new = {"a.py": {"sha256": "1"}, "project.yaml: split": {"sha256": "3"}, "project.yaml: classes": {"sha256": "4"}}
    assert compare_files(old, new) == {"added": [], "removed": [], "changed": ["project.yaml"]}
    assert compare_files(new, {"a.py": {"sha256": "1"}, "b.py": {"sha256": "1"}}) == {
        "added": ["b.py"],
        "removed": [],
        "changed": ["project.yaml: classes", "project.yaml: split"],
    }


def test_without_a_ledger_dev_goes_on_and_ops_does_not(tmp_path: Path, project: Project) -> None:
    settings = Settings(home=tmp_path / "없음")
    assert admit(settings, project, False, "train") == code_of(project).digest
    with pytest.raises(LedgerError, match="not up to date"):
        admit(settings, project, True, "train")


def test_a_release_is_made_of_confirmed_inference_code(settings: Settings, project: Project) -> None:
    served = ["preprocess.py", "postprocess.py"]
    with pytest.raises(CodeRefused, match="packaging is refused: no code"):
        admit_served(settings, project, served, "packaging")
    confirm_code(settings, project)
    (project.folder / "model.py").write_text("the next model is in the making")
    admit_served(settings, project, served, "packaging")
    (project.folder / "preprocess.py").write_text("other")
    with pytest.raises(CodeRefused, match=r"these differ: changed: preprocess\.py\. ") as refused:
        admit_served(settings, project, served, "packaging")
    assert refused.value.differs["changed"] == ["preprocess.py"]


def test_the_command_line_lists_shows_and_compares(settings: Settings, project: Project, capsys: Any) -> None:
    def said(*words: str, code: int = 0) -> str:
        assert main(["code", *words]) == code
        out = capsys.readouterr()
        return out.err if code else out.out

    assert "unknown" in said("list", "digits")
    assert "has no known code 'here'" in said("show", "digits", code=2)
    digest = confirm_code(settings, project)
    assert "confirmed" in (listed := said("list", "digits")) and "(here)" in listed and "unknown" not in listed
    shown = said("show", "digits", "1")
    assert "code 1 of digits: confirmed" in shown and "model           " in shown
    assert "development -> confirmed by tester: model version 1 is confirmed: a test" in shown
    assert said("show", "digits", digest[:20]) == shown == said("show", "digits", "confirmed")
    assert said("compare", "digits") == "the same files and sections of project.yaml\n"
    (project.folder / "model.py").write_text("changed")
    enter(settings, project, "minji", "try")
    assert said("compare", "digits") == said("compare", "digits", "1", "2") == "changed  model.py\n"
    assert "has no known code 'applied'" in said("show", "digits", "applied", code=2)
    assert "no project 'ghost'" in said("list", "ghost", code=2)
