"""The inference code of a release: what of the project, and of the product, runs inside the model server.

A release carries the project's preprocess and postprocess components with the modules of the project that they import,
and numpy-only modules of the product: how contents become values, the named transforms, the answers of each task.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from include.projects import Project, answers, values
from include.projects.content import ArrayContent, AudioContent, TextContent, VideoContent
from include.release.errors import ReleaseError

FOLDER = "1/inference"
PRODUCT = "1/serving"
TRANSFORMS = "1/transforms.json"
MODEL_CODE = Path(__file__).parent / "triton_model"
# Arrays of a type that float32 holds exactly travel as float32; the model server makes the content's own type of it.
TRAVELS = {"uint8": "FP32", "float32": "FP32", "float64": "FP64", "int64": "INT64"}


def components(project: Project) -> dict[str, str | None]:
    """Return what prepares contents and turns outputs into answers: ``module:function``, None where the product does it.

    The product prepares by the project's named transforms, and answers as the task's default where the project has no
    postprocess component.
    """
    own: dict[str, str | None] = {kind: getattr(project.components, kind) for kind in ("preprocess", "postprocess")}
    if project.transforms:
        own["preprocess"] = None
    named = "postprocess" in project.components.model_fields_set
    if not named and not (project.folder / "postprocess.py").is_file():
        own["postprocess"] = None
    return own


def postprocess_of(project: Project) -> Callable[[Any], answers.Outputs]:
    """Return what turns a model's outputs into answers."""
    if components(project)["postprocess"] is None:
        return answers.postprocess(project.task)
    return project.component("postprocess")


def inference_files(project: Project) -> dict[str, Path]:
    """Return the modules of the project's inference code: file name -> path.

    They are the modules that ``components.preprocess`` and ``components.postprocess`` name, the project's own that
    these import, and what ``components.files`` names beside them.

    Raises:
        ReleaseError: one of them is no file of the project's folder.
    """
    files: dict[str, Path] = {}
    for kind, reference in components(project).items():
        if reference is None:
            continue
        module = reference.partition(":")[0]
        path = project.folder / f"{module}.py"
        if not module.isidentifier() or not path.is_file():
            raise ReleaseError(project.name, [f"components.{kind} names the module {module!r}, but there is no file {path}"])
        _add(project, path, files)
    for name in project.components.files if files else []:
        path = project.folder / name
        if not path.is_file() or path.resolve().parent != project.folder.resolve():
            raise ReleaseError(project.name, [f"components.files names {name!r}, but there is no file {path}"])
        files[name] = path
    return files


def product_files(transforms: bool) -> dict[str, Path]:
    """Return the product's own numpy-only modules that a release carries: file name -> path.

    Args:
        transforms: whether named transforms prepare its contents.
    """
    modules = [answers, values]
    if transforms:
        from include.training import transforms as named

        modules.append(named)
    found = {f"{module.__name__.rpartition('.')[2]}.py": Path(str(module.__file__)) for module in modules}
    return {**found, "release.py": MODEL_CODE / "release.py"}


def tensor_of(project: Project) -> tuple[str, list[int]]:
    """Return type and row shape of the model server's input, as its protocol names types.

    Arrays travel as numbers; a text, a row of a table as JSON or an image's file is one element of bytes.

    Raises:
        ReleaseError: items are sounds or videos.
    """
    content = project.data.content
    if isinstance(content, AudioContent | VideoContent):
        what = f"items are of kind {content.kind}, and the model server takes arrays, texts, tables and images"
        raise ReleaseError(project.name, [f"{what}: no release of this project can be made"])
    if isinstance(content, ArrayContent):
        return TRAVELS[content.dtype], list(content.shape)
    return "BYTES", [1]


def described(project: Project) -> dict[str, Any]:
    """Return what ``release.json`` says of contents and answers."""
    content = project.data.content
    form = content.model_dump(mode="json", exclude_none=not isinstance(content, ArrayContent))
    if isinstance(content, TextContent | ArrayContent):
        return {"task": project.task, "content": form}
    return {"task": project.task, "content": {key: value for key, value in form.items() if key in ("kind", "columns")}}


def transforms_of(steps: list[dict[str, Any]] | None) -> bytes:
    """Return fitted transforms as the file that a release carries, one form for equal steps."""
    return json.dumps(steps, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _add(project: Project, path: Path, files: dict[str, Path]) -> None:
    if path.name in files:
        return
    files[path.name] = path
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError):
        return  # the static checks say where
    for name in _imported(tree, f"include.projects.{project.name}"):
        beside = project.folder / f"{name}.py"
        if beside.is_file():
            _add(project, beside, files)


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules of a project's package that its code imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = {0: node.module or "", 1: f"{package}.{node.module or ''}".rstrip(".")}.get(node.level, "")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.startswith(f"{package}."):
                yield name.removeprefix(f"{package}.").partition(".")[0]


__all__ = [
    "FOLDER",
    "MODEL_CODE",
    "PRODUCT",
    "TRANSFORMS",
    "components",
    "described",
    "inference_files",
    "postprocess_of",
    "product_files",
    "tensor_of",
    "transforms_of",
]
