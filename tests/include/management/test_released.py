"""What runs for a release runs from its own copy of the project, whatever lies in the project's folder meanwhile."""

from __future__ import annotations

import shutil
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from include.management import NotReleased, archive, code_of, released_project, unpacked
from include.projects import Project, ProjectError, load_project

OWN = """import include.projects.digits.words
import include.projects.digits.words as w
from include.projects import digits, csv_rows
from include.projects.digits import words as v
from include.projects.digits.words import SAID
from .words import SAID as near
from .deep.more import DEEP

WAYS = [include.projects.digits.words.SAID, w.SAID, digits.words.SAID, v.SAID, SAID, near, DEEP]


def features(images):
    return WAYS, csv_rows.__name__
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a copy of digits whose features come from several modules."""
    folder = tmp_path / "projects" / "digits"
    shutil.copytree(load_project("digits").folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "features.py").write_text(OWN, encoding="utf-8")
    (folder / "deep").mkdir()
    (folder / "deep" / "more.py").write_text("from ..words import SAID as DEEP", encoding="utf-8")
    return said(load_project("digits", folder.parent), "하나")


def said(project: Project, word: str) -> Project:
    (project.folder / "words.py").write_text(f"SAID = {word!r}\n", encoding="utf-8")
    return project


@pytest.fixture
def package(tmp_path: Path, project: Project) -> Path:
    """Return the folder of a release that was made of the project."""
    folder = tmp_path / "models" / "digits-r0001"
    for name, content in unpacked("digits", archive(project) or b"").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_an_archive_is_the_same_for_the_same_code_and_holds_all_of_it(project: Project, package: Path) -> None:
    first = archive(project)
    (project.folder / "words.py").touch()
    (project.folder / ".hidden").write_text("x")
    assert archive(project) == first
    assert code_of(load_project("digits", package / "code")) == code_of(project)


def test_functions_come_from_the_copy_by_every_way_of_importing(project: Project, package: Path) -> None:
    digest = code_of(project).digest
    said(project, "둘")
    (project.folder / "deep" / "more.py").unlink()
    before = set(sys.modules)
    ways, product = released_project(project, package, digest).component("features")(None)
    assert ways == ["하나"] * 7 and product == "include.projects.csv_rows"
    mine = {name for name in set(sys.modules) - before if "digits" in name}
    assert mine and all(name.startswith("released_digits_") for name in mine)
    assert not list(package.rglob("__pycache__")), "a sealed package gets no file"


def test_two_releases_live_side_by_side_in_one_process(project: Project, package: Path) -> None:
    first = released_project(project, package, code_of(project).digest)
    second = package.with_name("digits-r0002")
    for name, content in unpacked("digits", archive(said(project, "둘")) or b"").items():
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        (second / name).write_bytes(content)
    other = released_project(project, second, code_of(project).digest)
    assert first.component("features")(None)[0][0] == "하나" and other.component("features")(None)[0][0] == "둘"
    assert first.component("features")(None)[0][0] == "하나"


def test_how_it_is_watched_is_said_now_and_what_it_is_was_said_then(project: Project, package: Path) -> None:
    digest = code_of(project).digest
    limits = project.monitoring.model_copy(update={"threshold": 0.9})
    now = project.model_copy(update={"monitoring": limits, "title": "오늘", "classes": ["a", "b"]})
    found = released_project(now, package, digest)
    assert (found.monitoring.threshold, found.title, found.classes) == (0.9, "오늘", project.classes)


def test_a_copy_that_was_altered_is_refused(project: Project, package: Path) -> None:
    digest = code_of(project).digest
    (package / "code" / "digits" / "words.py").write_text("SAID = 'evil'")
    with pytest.raises(NotReleased, match=r"is sha256:.*, and the model was trained with sha256:.*: the package was altered"):
        released_project(project, package, digest)
    (package / "code" / "digits" / "project.yaml").write_text("name: [")
    with pytest.raises(NotReleased, match="cannot be read"):
        released_project(project, package, digest)
    with pytest.raises(NotReleased, match="digits-r0001 does not say which code"):
        released_project(project, package, None)


def test_without_a_copy_the_folder_counts_while_it_holds_that_code(project: Project, tmp_path: Path) -> None:
    digest, nowhere = code_of(project).digest, tmp_path / "models" / "digits-r0009"
    found = released_project(project, nowhere, digest)
    assert found.component("features")(None)[0][0] == "하나" and found.has_model
    said(project, "셋")
    with pytest.raises(NotReleased, match=r"carries no copy of its code, and the code of digits in .* is sha256:"):
        released_project(project, nowhere, digest)
    again = released_project(project, nowhere, code_of(project).digest)
    assert again.component("features")(None)[0][0] == "셋"


def test_a_module_that_fails_is_told_with_its_cause(project: Project, tmp_path: Path) -> None:
    (project.folder / "words.py").write_text("1 / 0")
    found = released_project(project, tmp_path, code_of(project).digest)
    with pytest.raises(ProjectError, match=r"'features:features' of the released code cannot be imported: ZeroDivisionError"):
        found.component("features")


def test_an_archive_that_leads_elsewhere_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("../../evil.py", "x")
    with pytest.raises(NotReleased, match=r"'\.\./\.\./evil\.py', which lies outside"):
        unpacked("digits", made.getvalue())
    monkeypatch.setattr("include.management.released.MOST_BYTES", 10)
    assert archive(project) is None
