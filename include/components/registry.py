"""The components that there are: shared ones by name and version, and those that are local to a project.

Shared components are the modules of `include.components.library`. A registered version never changes: the file
versions.json holds the digest of each one's code, and a version whose code is another one is refused.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from include.components.declare import Component, component_of
from include.components.digest import own_digest
from include.components.errors import ComponentError

if TYPE_CHECKING:
    from include.projects import Project

LOCK = Path(__file__).parent / "library" / "versions.json"
SHARED = re.compile(r"^([a-z][a-z0-9_]{1,40})@([1-9][0-9]{0,5})$")
LOCAL = re.compile(r"^([A-Za-z_][\w.]*):([A-Za-z_]\w*)$")
HEAVY = (
    "torch", "ray", "mlflow", "evidently", "onnx", "onnxruntime", "pandas", "pyarrow", "sklearn", "scipy", "skops", "matplotlib",
    "skl2onnx", "tensorflow", "transformers", "xgboost", "lightgbm", "shap", "lime", "PIL", "cv2", "lakefs",
)  # fmt: skip
REGISTER = "python -m include.components register"


@cache
def shared() -> Mapping[str, Component]:
    """Return the shared components by ``name@version``, in order.

    Raises:
        ComponentError: two have the same name and version, or one has no version.
    """
    from include.components import library as package

    found: dict[str, Component] = {}
    for info in pkgutil.iter_modules(package.__path__):
        for one in declared(importlib.import_module(f"{package.__name__}.{info.name}")):
            if one.version is None:
                raise ComponentError(f"component {one.name} of {one.body.__module__} is shared: give it version=1")
            if one.use in found:
                other = found[one.use].body.__module__
                raise ComponentError(f"{one.use} stands in {other} and {one.body.__module__}: give one of them the next version")
            found[one.use] = one
    return dict(sorted(found.items(), key=lambda pair: (pair[1].name, pair[1].version or 0)))


def declared(module: ModuleType) -> list[Component]:
    """Return the components that a module defines, not those that it imports."""
    found = [component_of(value) for value in vars(module).values()]
    return [one for one in found if one is not None and one.body.__module__ == module.__name__]


def registered() -> dict[str, str]:
    """Return the digest of the code of each registered version, by ``name@version``."""
    return dict(json.loads(LOCK.read_text(encoding="utf-8"))) if LOCK.is_file() else {}


def find(use: str, project: Project | None = None) -> Component:
    """Return the component that a step names.

    Args:
        use: ``name@version`` of a shared one, or ``module:function`` under the folder of the project.
        project: whose folder holds local ones.

    Raises:
        ComponentError: there is none, it was changed after it was registered, or reading it would cost time.
    """
    if LOCAL.match(use):
        if project is None:
            raise ComponentError(f"{use!r} is local to a project: say which")
        return _local(use, project)
    known, named = shared(), SHARED.match(use)
    if not named:
        name = use.partition("@")[0]
        newest = [one.use for one in known.values() if one.name == name]
        advice = f"name its version, such as {newest[-1]}" if newest else "write name@version, or module:function of the project"
        raise ComponentError(f"{use!r} names no component: {advice}")
    if use not in known:
        same = [one.use for one in known.values() if one.name == named[1]]
        names = sorted({one.name for one in known.values()})
        what = f"there is {', '.join(same)}" if same else f"there are {', '.join(names)}"
        raise ComponentError(f"there is no component {use}; {what} (python -m include.components list)")
    check_registered(known[use], registered())
    return known[use]


def check_registered(one: Component, lock: Mapping[str, str]) -> None:
    """Refuse a shared component that is not registered, or not as it was.

    Raises:
        ComponentError: it is one of them; the message says what to do.
    """
    if one.use not in lock:
        raise ComponentError(f"{one.use} is not registered: run `{REGISTER}`")
    if lock[one.use] != own_digest(one.body):
        raise ComponentError(
            f"{one.use} was registered with other code, and a registered version never changes: take the change back, "
            f"or make it version {(one.version or 0) + 1} beside the old one and run `{REGISTER}`"
        )


def register() -> list[str]:
    """Register every shared component that is not yet; return their names.

    Raises:
        ComponentError: one that is registered was changed, or is gone; nothing is registered then.
    """
    lock, known = registered(), shared()
    if gone := sorted(set(lock) - set(known)):
        raise ComponentError(f"registered and no longer there: {', '.join(gone)}; old projects need them, so bring them back")
    problems = []
    for use in lock:
        try:
            check_registered(known[use], lock)
        except ComponentError as cause:
            problems.append(str(cause))
    if problems:
        raise ComponentError("; ".join(problems))
    new = {use: own_digest(one.body) for use, one in known.items() if use not in lock}
    if new:
        text = json.dumps({**lock, **new}, indent=1, sort_keys=True) + "\n"
        unfinished = LOCK.with_suffix(".part")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(LOCK)
    return list(new)


def _local(use: str, project: Project) -> Component:
    module, _, name = use.partition(":")
    path = project.folder.joinpath(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise ComponentError(f"{use!r}: there is no {path.name} in the project's folder")
    if problem := heavy_import(path):
        raise ComponentError(f"{use!r}: {problem}")
    try:
        body = project.function("use", use)
    except ComponentError:
        raise
    except Exception as cause:  # whatever a module of the project does when it is imported
        said = getattr(cause, "problems", None) or [f"{type(cause).__name__}: {cause}"]
        raise ComponentError(f"{use!r} cannot be imported: {'; '.join(said)}") from cause
    found = component_of(body)
    if found is None:
        raise ComponentError(f"{use!r} is no component: put @component(name=..., kind=..., outputs=...) above {name}")
    return found


def heavy_import(path: Path) -> str | None:
    """Return what is wrong with the imports at the top of a module that is read with project.yaml."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as cause:
        return f"{path.name} cannot be read: {cause}"
    for node in tree.body:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for name in names:
            if name.partition(".")[0] in HEAVY:
                return f"{path.name} line {node.lineno} imports {name}: import it inside of the functions that need it"
    return None


def as_text(one: Component) -> dict[str, Any]:
    """Return what a component declares as JSON values, for people and pages."""
    inputs = {key: str(it) + (" (may be left out)" if it.optional else "") for key, it in one.inputs.items()}
    schema = one.params.model_json_schema().get("properties", {})
    return {
        "use": one.use,
        "kind": one.kind,
        "about": one.about,
        "inputs": inputs,
        "params": schema,
        "outputs": {key: str(it) for key, it in one.outputs.items()},
    }


def param_text(schema: dict[str, Any]) -> str:
    """Return what a parameter may be and what it is by itself, in words."""
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    parts = [" or ".join(filter(None, kinds)) or "any"]
    for inside in [schema, *schema.get("anyOf", [])]:
        parts += [f"{sign} {inside[name]}" for name, sign in bounds.items() if name in inside]
    if "enum" in schema:
        parts.append("one of " + ", ".join(map(str, schema["enum"])))
    parts.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}" if "default" in schema else "must be given")
    return ", ".join(parts)
