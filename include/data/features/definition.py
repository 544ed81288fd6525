"""Definitions: what a view's values depend on, and the digest that tells one definition from another."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data import items
from include.data.features.errors import FeatureError, UnknownView
from include.projects import Project
from include.projects.content import TableContent
from include.projects.feature_views import FeatureView

DIGITS = 16  # of the digest: enough to tell the definitions of one view apart, short enough to read


def find_view(project: Project, name: str) -> FeatureView:
    """Return a view of a project.

    Raises:
        UnknownView: there is none of that name.
    """
    if name in project.feature_views:
        return project.feature_views[name]
    known = ", ".join(project.feature_views) or "none"
    raise UnknownView(f"project {project.name}", f"there is no feature view {str(name)[:80]!r}", f"Its views: {known}")


def definition(project: Project, name: str) -> str:
    """Return the digest of what a view's values depend on, 16 hexadecimal digits.

    It changes with keys, timestamp, names and types of the features, source, time to live, and the source code of the
    transform (its module, and what that imports from the project); not with descriptions, owner, tags or ``online``.

    Raises:
        UnknownView: there is no such view.
        FeatureError: the transform's module is not there, or is no Python.
    """
    view = find_view(project, name)
    content = project.data.content
    columns = view.source.columns
    depends: dict[str, Any] = {
        "keys": view.keys,
        "timestamp": view.timestamp,
        "features": {feature: about.type for feature, about in view.features.items()},
        "transform": view.transform,
        "aggregates": view.aggregates,
        "source": view.source.model_dump(),
        "ttl_hours": view.ttl_hours,
        "content": {name: column.type for name, column in content.columns.items() if not columns or name in columns}
        if isinstance(content, TableContent)
        else content.kind,
        "code": code(project, name),
    }
    return items.digest(depends).removeprefix("sha256:")[:DIGITS]


def code(project: Project, name: str) -> dict[str, str]:
    """Return the source files of a view's transform: path under the project's folder, and SHA-256 of its bytes."""
    view = find_view(project, name)
    module = view.transform.partition(":")[0]
    where = f"{project.folder / 'project.yaml'}, feature_views.{name}.transform"
    start = _file(project.folder, module.split("."))
    if start is None:
        raise FeatureError(where, f"there is no module {module} in the project's folder", "Write it, or correct the name")
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        shown = path.relative_to(project.folder).as_posix()
        if shown in found:
            continue
        raw = path.read_bytes()
        found[shown] = hashlib.sha256(raw).hexdigest()
        try:
            waiting += _imported(ast.parse(raw), path, project)
        except (SyntaxError, ValueError) as cause:
            raise FeatureError(where, f"{shown} is no Python: {cause}", "Correct it") from cause
    return dict(sorted(found.items()))


def _imported(tree: ast.Module, path: Path, project: Project) -> Iterator[Path]:
    """Yield the files of the project that a module imports."""
    base = ["include", "projects", project.name]
    package = [*base, *path.parent.relative_to(project.folder).parts]
    for node in ast.walk(tree):
        names: list[list[str]] = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = [*start, *(node.module.split(".") if node.module else [])]
            names = [module, *([*module, alias.name] for alias in node.names)]
        for parts in names:
            if parts[: len(base)] == base and (file := _file(project.folder, parts[len(base) :])):
                yield file


def _file(folder: Path, parts: list[str]) -> Path | None:
    if not parts:
        return None
    path = folder.joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
