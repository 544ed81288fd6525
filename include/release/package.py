"""A release as one immutable Triton model: ONNX file, inference code and reference sketch in one folder.

The folder's bytes follow from its inputs alone (no times, no paths, sorted keys), so the same release built twice,
or on two machines, has the same digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.clients.mlflow import mlflow_client, mlflow_errors, read_file
from include.projects import Project
from include.release.digest import tree
from include.release.errors import ReleaseError
from include.settings import Settings

MAX_BATCH = 256
LEFT_BEHIND_S = 3600
MODEL_CODE = Path(__file__).parent / "triton_model" / "model.py"


def inference_files(project: Project) -> dict[str, Path]:
    """Return the modules of the inference code: file name -> path.

    They are the modules that ``components.preprocess`` and ``components.postprocess`` name.

    Raises:
        ReleaseError: one of them is no file of the project's folder.
    """
    files: dict[str, Path] = {}
    for kind in ("preprocess", "postprocess"):
        module = getattr(project.components, kind).partition(":")[0]
        path = project.folder / f"{module}.py"
        if not module.isidentifier() or not path.is_file():
            raise ReleaseError(project.name, [f"components.{kind} names the module {module!r}, but there is no file {path}"])
        files[path.name] = path
    return files


def config(project: Project, release_id: str) -> str:
    """Return Triton's config.pbtxt of a release."""
    dims = ", ".join(str(n) for n in project.array.shape)
    return (
        f'name: "{release_id}"\n'
        'backend: "python"\n'
        f"max_batch_size: {MAX_BATCH}\n"
        f'input [ {{ name: "INPUT" data_type: TYPE_FP32 dims: [ {dims} ] }} ]\n'
        "output [\n"
        '  { name: "LABEL" data_type: TYPE_INT32 dims: [ 1 ] },\n'
        f'  {{ name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ {len(project.classes)} ] }}\n'
        "]\n"
        "instance_group [ { count: 1 kind: KIND_CPU } ]\n"
        "dynamic_batching { }\n"
        "version_policy { specific { versions: [ 1 ] } }\n"
    )


def build_package(
    repository: Path,
    project: Project,
    release_id: str,
    *,
    onnx: bytes,
    precision: str,
    model: Mapping[str, Any],
    reference_sketch: bytes,
) -> Path:
    """Build the package of a release, whole or not at all.

    Args:
        repository: Triton's model repository; the package becomes its folder ``release_id``.
        project: gives the inference code, the classes and the form of an item.
        release_id: e.g. ``digits-r0001``; also the model's name in Triton.
        onnx: content of the ONNX file.
        precision: ``fp32`` or ``int8``.
        model: the registered model: ``name``, ``version``, ``run_id``, ``data``.
        reference_sketch: content of reference_sketch.json, what monitoring compares with.

    Returns:
        The package's folder.

    Raises:
        ReleaseError: a package of this name with other bytes is there already.
    """
    files = _contents(project, release_id, onnx, precision, model, reference_sketch)
    target = repository / release_id
    repository.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return _same(target, files)
    _sweep(repository, release_id)
    # Beside the packages, because only there a rename is atomic; `TritonClient.index` leaves hidden names out.
    building = Path(tempfile.mkdtemp(prefix=f".{release_id}-", dir=repository))
    try:
        for name, content in files.items():
            path = building / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o444)
        building.chmod(0o755)
        try:
            building.rename(target)
        except OSError:  # another process was faster: a folder with content is never replaced
            return _same(target, files)
        _sync(repository)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def package(
    settings: Settings, project: Project, release_id: str, model: Mapping[str, Any], release_run_id: str
) -> dict[str, Any]:
    """Build the package of a release from what its MLflow runs hold.

    Args:
        settings: MLflow and the model repository.
        project: the project.
        release_id: the release.
        model: the registered model (``include.training.model_info``).
        release_run_id: the release's MLflow run, where `optimise` left the ONNX files.

    Returns:
        ``{"release_id", "precision", "files": {name: sha256}, "size_bytes"}``.

    Raises:
        ReleaseError: optimise has not run, its file is not the one it reported, no reference sketch, or a package of
            this name with other bytes exists.
    """
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"read what the package of {release_id} is made of"):
        try:
            report = json.loads(read_file(client, release_run_id, "reports/optimise.json"))
            onnx = read_file(client, release_run_id, f"onnx/model.{report['chosen']}.onnx")
            sketch = read_file(client, model["run_id"], "reference_sketch.json")
        except FileNotFoundError as cause:
            raise ReleaseError(
                release_id, [f"{cause}: run the optimise task of this release first, on an evaluated model"]
            ) from cause
    digest = hashlib.sha256(onnx).hexdigest()
    if digest != report[report["chosen"]]["sha256"]:
        raise ReleaseError(release_id, [f"the ONNX file of run {release_run_id} is {digest[:12]}, not the one that was measured"])
    folder = build_package(
        settings.model_repository,
        project,
        release_id,
        onnx=onnx,
        precision=report["chosen"],
        model=model,
        reference_sketch=sketch,
    )
    files = tree(folder)
    return {
        "release_id": release_id,
        "precision": report["chosen"],
        "files": files,
        "size_bytes": sum((folder / name).stat().st_size for name in files),
    }


def _contents(
    project: Project, release_id: str, onnx: bytes, precision: str, model: Mapping[str, Any], sketch: bytes
) -> dict[str, bytes]:
    code = {f"1/inference/{name}": path.read_bytes() for name, path in sorted(inference_files(project).items())}
    release = {
        "release_id": release_id,
        "project": project.name,
        "title": project.title,
        "classes": project.classes,
        "content": project.array.model_dump(mode="json"),
        "components": {kind: getattr(project.components, kind) for kind in ("preprocess", "postprocess")},
        "code": {name: hashlib.sha256(content).hexdigest() for name, content in code.items()},
        "model": {key: model.get(key) for key in ("name", "version", "run_id", "data")},
        "onnx": {"precision": precision, "sha256": hashlib.sha256(onnx).hexdigest(), "size_bytes": len(onnx)},
    }
    return {
        "config.pbtxt": config(project, release_id).encode(),
        "release.json": json.dumps(release, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n",
        "reference_sketch.json": sketch,
        "1/model.py": MODEL_CODE.read_bytes(),
        "1/model.onnx": onnx,
        **code,
    }


def _same(target: Path, files: Mapping[str, bytes]) -> Path:
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    found = tree(target)
    if found != wanted:
        names = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        raise ReleaseError(
            target.name,
            [f"{target} exists already and differs in {', '.join(names)}; a package never changes: make a new release"],
        )
    return target


def _sweep(repository: Path, release_id: str) -> None:
    """Remove what builders left that were killed long ago."""
    for left in repository.glob(f".{release_id}-*"):
        # Another builder may be done with it and rename it just now.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
