"""A release as one immutable Triton model: ONNX file, preprocessing, inference code, reference sketch, and the project as
the model was trained with it, in one folder.

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
from include.management import released_project, unpacked
from include.projects import Project
from include.projects.answers import Output, outputs_of
from include.release.digest import tree
from include.release.errors import ReleaseError
from include.release.inference_code import (
    FOLDER,
    MODEL_CODE,
    PRODUCT,
    TRANSFORMS,
    components,
    described,
    inference_files,
    product_files,
    tensor_of,
    transforms_of,
)
from include.settings import Settings

MAX_BATCH = 256
LEFT_BEHIND_S = 3600
SKETCH, FITTED, EVALUATION = "reference_sketch.json", "model/transforms.json", "evaluation/evaluation.json"
ARCHIVE = "environment/code.zip"
TYPES = {"int32": "INT32", "float32": "FP32"}


def config(project: Project, release_id: str) -> str:
    """Return Triton's config.pbtxt of a release."""
    kind, shape = tensor_of(project)
    kind = {"BYTES": "STRING"}.get(kind, kind)
    outputs = [
        f'  {{ name: "{name}" data_type: TYPE_{TYPES[output.dtype]} dims: [ {_width(project, output)} ] }}'
        for name, output in outputs_of(project.task).items()
    ]
    return (
        f'name: "{release_id}"\n'
        'backend: "python"\n'
        f"max_batch_size: {MAX_BATCH}\n"
        f'input [ {{ name: "INPUT" data_type: TYPE_{kind} dims: [ {", ".join(map(str, shape))} ] }} ]\n'
        "output [\n" + ",\n".join(outputs) + "\n]\n"
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
    reference_sketch: bytes | None,
    transforms: list[dict[str, Any]] | None = None,
    archive: bytes | None = None,
) -> Path:
    """Build the package of a release, whole or not at all.

    Args:
        repository: Triton's model repository; the package becomes its folder ``release_id``.
        project: gives the inference code, the classes and the form of an item.
        release_id: e.g. ``digits-r0001``; also the model's name in Triton.
        onnx: content of the ONNX file.
        precision: ``fp32`` or ``int8``.
        model: the registered model: ``name``, ``version``, ``run_id``, ``data``.
        reference_sketch: content of reference_sketch.json, what monitoring compares with; None where the project has none.
        transforms: as they were fitted when the model was trained; None where the preprocess component prepares.
        archive: the project as the model was trained with it, which watching the release runs; None where there is none.

    Returns:
        The package's folder.

    Raises:
        ReleaseError: a package of this name with other bytes is there already, or the model was trained with another
            preprocessing than project.yaml names.
    """
    files = _contents(project, release_id, onnx, precision, model, reference_sketch, transforms)
    files |= unpacked(project.name, archive) if archive is not None else {}
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
            folders = (None, "model", "evaluation", "environment")
            kept = {info.path for folder in folders for info in client.list_artifacts(model["run_id"], folder)}
            # An evaluation says in its notes why there is no sketch; without both nobody has evaluated the model.
            sketch = read_file(client, model["run_id"], SKETCH) if SKETCH in kept or EVALUATION not in kept else None
            fitted = read_file(client, model["run_id"], FITTED) if FITTED in kept else None
            archive = read_file(client, model["run_id"], ARCHIVE) if ARCHIVE in kept else None
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
        transforms=json.loads(fitted) if fitted else None,
        archive=archive,
    )
    if archive is not None and model.get("code"):
        released_project(project, folder, model["code"])  # refuses a copy that is not what the model was trained with
    files = tree(folder)
    return {
        "release_id": release_id,
        "precision": report["chosen"],
        "files": files,
        "size_bytes": sum((folder / name).stat().st_size for name in files),
    }


def _contents(
    project: Project,
    release_id: str,
    onnx: bytes,
    precision: str,
    model: Mapping[str, Any],
    sketch: bytes | None,
    transforms: list[dict[str, Any]] | None,
) -> dict[str, bytes]:
    _same_preprocessing(project, transforms)
    code = {f"{FOLDER}/{name}": path.read_bytes() for name, path in sorted(inference_files(project).items())}
    product = {f"{PRODUCT}/{name}": path.read_bytes() for name, path in product_files(transforms is not None).items()}
    if transforms is not None:
        product[TRANSFORMS] = transforms_of(transforms)
    release = {
        "release_id": release_id,
        "project": project.name,
        "title": project.title,
        "classes": project.classes,
        **described(project),
        "components": components(project),
        "code": {name: hashlib.sha256(content).hexdigest() for name, content in code.items()},
        "model": {key: model.get(key) for key in ("name", "version", "run_id", "data")},
        "onnx": {"precision": precision, "sha256": hashlib.sha256(onnx).hexdigest(), "size_bytes": len(onnx)},
    }
    return {
        "config.pbtxt": config(project, release_id).encode(),
        "release.json": json.dumps(release, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n",
        **({SKETCH: sketch} if sketch is not None else {}),
        "1/model.py": (MODEL_CODE / "model.py").read_bytes(),
        "1/model.onnx": onnx,
        **product,
        **code,
    }


def _same_preprocessing(project: Project, transforms: list[dict[str, Any]] | None) -> None:
    """Refuse a model whose preprocessing is not what project.yaml names now: serving would differ from training."""

    def named(steps: Any) -> list[Any]:
        return [[step["use"], list(step["columns"]), step["params"]] for step in steps]

    now = [step.model_dump(mode="json") for step in project.transforms]
    if named(now) != named(transforms or []):
        then = ", ".join(step["use"] for step in transforms or []) or "the preprocess component"
        here = ", ".join(step["use"] for step in now) or "the preprocess component"
        what = f"the model was trained with {then}, and project.yaml names {here} or other columns or parameters"
        raise ReleaseError(project.name, [f"{what}: train it again, or restore project.yaml"])


def _width(project: Project, output: Output) -> int:
    return len(project.classes) if output.width < 0 else output.width or -1


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
