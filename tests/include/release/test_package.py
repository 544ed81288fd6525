from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.management import archive, code_of, released_project
from include.projects import Project, load_project
from include.release.digest import tree
from include.release.errors import ReleaseError
from include.release.inference_code import inference_files
from include.release.package import build_package, config
from tests.include.release.conftest import make_project

MODEL: dict[str, Any] = {
    "name": "digits",
    "version": "3",
    "run_id": "abc",
    "data": {"version": "v1", "commit": "c0"},
    "author": "developer",
}
PIECES: dict[str, Any] = {"onnx": b"onnx" * 1000, "precision": "int8", "model": MODEL, "reference_sketch": b"{}"}


def test_package_holds_what_the_model_server_and_monitoring_need(tmp_path: Path, digits_project: Project) -> None:
    folder = build_package(tmp_path, digits_project, "digits-r0001", **PIECES)
    assert folder == tmp_path / "digits-r0001"
    assert set(tree(folder)) == {
        "1/inference/postprocess.py",
        "1/inference/preprocess.py",
        "1/model.onnx",
        "1/model.py",
        "1/serving/answers.py",
        "1/serving/release.py",
        "1/serving/values.py",
        "config.pbtxt",
        "reference_sketch.json",
        "release.json",
    }
    release = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    assert release["release_id"] == "digits-r0001" and release["model"]["version"] == "3"
    assert release["onnx"]["sha256"] == tree(folder)["1/model.onnx"] and release["onnx"]["precision"] == "int8"
    assert release["code"]["1/inference/preprocess.py"] == tree(folder)["1/inference/preprocess.py"]
    assert "author" not in release["model"]
    assert all((folder / name).stat().st_mode & 0o777 == 0o444 for name in tree(folder))
    assert [p.name for p in tmp_path.iterdir()] == ["digits-r0001"]


def test_a_package_carries_the_project_as_the_model_was_trained_with_it(tmp_path: Path) -> None:
    digits_project = load_project("digits")
    folder = build_package(tmp_path, digits_project, "digits-r0001", **PIECES, archive=archive(digits_project))
    carried = {name for name in tree(folder) if name.startswith("code/digits/")}
    assert {"code/digits/project.yaml", "code/digits/features.py", "code/digits/model.py"} <= carried
    code = code_of(digits_project).digest
    assert released_project(digits_project, folder, code).component("features")(np.zeros((2, 8, 8)))[1].shape[0] == 2
    assert {name for name in tree(folder) if name.startswith("code/digits/")} == carried


def test_same_release_has_the_same_bytes_wherever_and_whenever_it_is_built(tmp_path: Path, digits_project: Project) -> None:
    first = build_package(tmp_path / "a", digits_project, "digits-r0001", **PIECES)
    time.sleep(0.01)
    moved = digits_project.model_copy(update={"folder": tmp_path / "elsewhere" / "digits"})
    shutil.copytree(digits_project.folder, moved.folder)
    turned = {**PIECES, "model": {**dict(reversed(MODEL.items())), "data": dict(reversed(MODEL["data"].items()))}}
    assert tree(build_package(tmp_path / "b", moved, "digits-r0001", **turned)) == tree(first)


def test_building_again_changes_nothing(tmp_path: Path, digits_project: Project) -> None:
    folder = build_package(tmp_path, digits_project, "digits-r0001", **PIECES)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert build_package(tmp_path, digits_project, "digits-r0001", **PIECES) == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_other_bytes_are_refused(tmp_path: Path, digits_project: Project) -> None:
    folder = build_package(tmp_path, digits_project, "digits-r0001", **PIECES)
    before = tree(folder)
    with pytest.raises(ReleaseError, match=r"differs in 1/model\.onnx, release\.json; a package never changes"):
        build_package(tmp_path, digits_project, "digits-r0001", **{**PIECES, "onnx": b"other"})
    assert tree(folder) == before


def test_a_foreign_file_in_the_package_is_found(tmp_path: Path, digits_project: Project) -> None:
    folder = build_package(tmp_path, digits_project, "digits-r0001", **PIECES)
    (folder / "1" / "__pycache__").mkdir()
    (folder / "1" / "__pycache__" / "model.pyc").write_bytes(b"x")
    with pytest.raises(ReleaseError, match=r"1/__pycache__/model\.pyc"):
        build_package(tmp_path, digits_project, "digits-r0001", **PIECES)


def test_korean_text_survives(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", classes=["영", "일"], title="손글씨")
    folder = build_package(tmp_path / "m", project, "digits-r0001", **PIECES)
    assert json.loads((folder / "release.json").read_text(encoding="utf-8"))["classes"] == ["영", "일"]
    assert "dims: [ 2 ]" in (folder / "config.pbtxt").read_text()


def test_config_names_the_release_and_the_shapes(digits_project: Project) -> None:
    text = config(digits_project, "digits-r0007")
    assert 'name: "digits-r0007"' in text and "dims: [ 8, 8 ]" in text and "dims: [ 10 ]" in text


def test_missing_inference_code_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project.folder / "postprocess.py").unlink()
    with pytest.raises(ReleaseError, match=r"components\.postprocess names the module 'postprocess'"):
        inference_files(project)


def _build(repository: Path, project: Project) -> None:
    build_package(repository, project, "digits-r0001", **{**PIECES, "onnx": b"x" * 20_000_000})


def test_killed_while_building_leaves_no_package_and_the_next_one_is_whole(tmp_path: Path, digits_project: Project) -> None:
    context = multiprocessing.get_context("fork")
    for delay in (0.002, 0.01, 0.02, 0.04):
        process = context.Process(target=_build, args=(tmp_path, digits_project))
        process.start()
        time.sleep(delay)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        folder = tmp_path / "digits-r0001"
        assert not folder.exists() or len(tree(folder)) == 10  # nothing or everything
    left = tmp_path / ".digits-r0001-left"
    left.mkdir()
    os.utime(left, (0, 0))
    shutil.rmtree(tmp_path / "digits-r0001", ignore_errors=True)
    _build(tmp_path, digits_project)
    assert len(tree(tmp_path / "digits-r0001")) == 10 and not left.exists()


def test_many_at_once_make_one_package(tmp_path: Path, digits_project: Project) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_build, args=(tmp_path, digits_project)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    assert [p.name for p in tmp_path.iterdir()] == ["digits-r0001"]
