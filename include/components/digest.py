"""Digests of a component's code, read from its source without importing what it uses.

The own digest is over the definition and everything of its module that it names: comments, docstrings and formatting
do not count. It tells whether a registered version was changed. The whole digest adds every module of training, components
and projects that the code imports, at any depth: what a step computed is taken again only where all of that is the same.
Projects may lie in another folder than that of the product; where a module lies does not count, its name does.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from include.settings import ROOT

PROJECTS = "include.projects"
AREAS = ("include.training", "include.components", PROJECTS)  # what decides what a component computes


def own_digest(body: Any) -> str:
    """Return ``sha256:`` and 64 hex digits over the code of a function or class."""
    path = Path(str(sys.modules[body.__module__].__file__))
    return _own(path, path.stat().st_mtime_ns, body.__qualname__)


def whole_digest(body: Any) -> str:
    """Return a digest over the code of a function or class and all modules of `AREAS` that it imports."""
    path = Path(str(sys.modules[body.__module__].__file__))
    total = hashlib.sha256(own_digest(body).encode())
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = _used(tree, body.__qualname__)
    reached = _reached([name for node in used for name in _imports(node, body.__module__)])
    for module, found in sorted(reached.items()):
        total.update(f"{module}\0{_content(found, found.stat().st_mtime_ns)}\n".encode())
    return f"sha256:{total.hexdigest()}"


@cache
def _own(path: Path, changed: int, name: str) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    written = "\n".join(ast.dump(_plain(node)) for node in _used(tree, name))
    return f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


@cache
def _content(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _used(tree: ast.Module, name: str) -> list[ast.stmt]:
    """Return the statements of a module that a definition needs, itself among them, in order."""
    defined: dict[str, ast.stmt] = {}
    for node in _statements(tree):
        for one in _names(node):
            defined[one] = node
    wanted, seen = [name], set[int]()
    while wanted:
        found = defined.get(wanted.pop())
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        wanted += [one.id for one in ast.walk(found) if isinstance(one, ast.Name)]
    return [node for node in _statements(tree) if id(node) in seen]


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements at the top, and those inside of a top ``if`` such as ``if TYPE_CHECKING``."""
    found: list[ast.stmt] = []
    for node in tree.body:
        found += node.body if isinstance(node, ast.If) else [node]
    return found


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(one.asname or one.name).partition(".")[0] for one in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _plain(tree: Any) -> Any:
    """Take docstrings out of a tree."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imports(tree: ast.AST, module: str) -> list[str]:
    """Return the modules of `AREAS` that code imports; a name imported from one may be a module too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module.rsplit(".", node.level)[0] + "." if node.level else ""
            whole = f"{base}{node.module or ''}".rstrip(".")
            found += [whole, *(f"{whole}.{one.name}" for one in node.names)]
    return [name for name in found if name.startswith(AREAS)]


def _reached(begin: list[str]) -> dict[str, Path]:
    """Return the files of modules and of all that they import, by name; a name that is no module is left out."""
    wanted, found = list(begin), dict[str, Path]()
    while wanted:
        module = wanted.pop()
        path = None if module in found else _file(module)
        if path is not None:
            found[module] = path
            wanted += _imported(path, path.stat().st_mtime_ns, module)
    return found


@cache
def _imported(path: Path, changed: int, module: str) -> tuple[str, ...]:
    package = f"{module}.x" if path.name == "__init__.py" else module
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8")), package))


def _file(module: str) -> Path | None:
    """Return the file of a module, found as Python finds it: in the product, else in the other folders of projects."""
    places = [ROOT.joinpath(*module.split("."))]
    if module.startswith(PROJECTS + "."):
        inside = module.removeprefix(PROJECTS + ".").split(".")
        places += [Path(folder).joinpath(*inside) for folder in sys.modules[PROJECTS].__path__]
    for base in places:
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None
