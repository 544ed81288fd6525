"""The code of a release, run from the release's own copy, whatever lies in the project's folder meanwhile.

A training run keeps its project as one archive, and the package of a release carries it unpacked, under the digest that
people approve. What runs in production beside the model, such as the watch for drift, takes it from there: its digest must
be that of the code that the release's model was trained with. Its modules live under a name of their own, so that a process
that has loaded the project's folder, or other releases of it, mixes nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import io
import logging
import sys
import threading
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType
from typing import Any

from pydantic import PrivateAttr

from include.errors import FinalError
from include.management.code import code_files, code_of
from include.projects import Project, ProjectError
from include.projects.reading import Unreadable, read

FOLDER = "code"
MOST_BYTES = 64 * 2**20
ALTERED = "the package was altered: release again, or roll back to a release that is whole"
_ROOT = "released_"
_folders: dict[str, Path] = {}
_projects: dict[str, str] = {}
_lock = threading.Lock()
_log = logging.getLogger(__name__)


class NotReleased(FinalError):
    """The code of a release is not there, or is another than it was released with; the text says what to do."""


class ReleasedProject(Project):
    """A project as it was released: its functions come from its own folder, under names of their own."""

    _digest: str = PrivateAttr("")

    def function(self, place: str, reference: str) -> Callable[..., Any]:
        """Import and return a function of the release's copy; arguments and errors as of `Project.function`."""
        module, _, name = reference.partition(":")
        try:
            return getattr(self._module(module), name)  # type: ignore[no-any-return]
        except Exception as cause:  # whatever the module does while it is read
            problem = f"{place}: {reference!r} of the released code cannot be imported: {type(cause).__name__}: {cause}"
            raise ProjectError.at(self.folder / "project.yaml", problem) from cause

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{_package(self.folder, self.name, self._digest)}.{name}")


def archive(project: Project) -> bytes | None:
    """Return a project's code as one archive with the same bytes for the same files; None where it is too large.

    What does not lie in the archive is not run from it: then the watch of a release needs the same code in the folder.
    """
    made, total = io.BytesIO(), 0
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for path in code_files(project.folder):
            content = path.read_bytes()
            total += len(content)
            if total > MOST_BYTES:
                _log.warning("the code of %s has more than %d MB: releases carry no copy of it", project.name, MOST_BYTES >> 20)
                return None
            file.writestr(zipfile.ZipInfo(path.relative_to(project.folder).as_posix()), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpacked(project: str, content: bytes) -> dict[str, bytes]:
    """Return the files of an archive as a package carries them: ``code/<project>/...`` -> content.

    Raises:
        NotReleased: a name in it leads elsewhere.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = sorted(file.namelist())
        if wrong := [name for name in names if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
            raise NotReleased(f"the archive of {project} names {wrong[0]!r}, which lies outside of it: train the model again")
        return {f"{FOLDER}/{project}/{name}": file.read(name) for name in names}


def released_project(project: Project, package: Path, digest: str | None, advice: str = ALTERED) -> ReleasedProject:
    """Return a project as it was released, with the functions of its own copy.

    The copy in the package counts; without one, the project's folder does while it holds that very code. How the project
    is watched, and where its jobs run, is no part of the code: these sections are those of ``project``.

    Args:
        project: as it lies in its folder now.
        package: folder of the release.
        digest: of the code that the release's model was trained with; None where nobody knows it.
        advice: what to do where the copy is another.

    Raises:
        NotReleased: the release does not say its code, or neither place holds it.
    """
    if not digest:
        raise NotReleased(f"release {package.name} does not say which code its model was trained with: train and release again")
    copy = package / FOLDER / project.name
    if (copy / "project.yaml").is_file():
        found = _checked(copy, digest, (copy / "project.yaml").stat().st_mtime_ns, advice)
    else:
        found = _same(project, package.name, digest)
    kept = {name: getattr(project, name) for name in ("title", "monitoring", "environments", "owner")}
    return found.model_copy(update=kept)


@lru_cache(maxsize=64)
def _checked(copy: Path, digest: str, changed: int, advice: str) -> ReleasedProject:
    """Read and check a package's copy, once in the life of a process: a package never changes."""
    try:
        project = _read(copy)
        here = code_of(project).digest
    except (OSError, ValueError, Unreadable) as cause:
        raise NotReleased(f"the code in {copy} cannot be read: {cause}; {advice}") from cause
    if here != digest:
        raise NotReleased(f"the code in {copy} is {here[:19]}, and the model was trained with {digest[:19]}: {advice}")
    project._digest = digest
    return project


def _same(project: Project, release: str, digest: str) -> ReleasedProject:
    here = code_of(project).digest
    if here != digest:
        problem = (
            f"the package of {release} carries no copy of its code, and the code of {project.name} in {project.folder} is"
            f" {here[:19]}, not {digest[:19]}, which the model was trained with: put that code back, or release again"
        )
        raise NotReleased(problem)
    values = {name: getattr(project, name) for name in Project.model_fields}
    found = ReleasedProject.model_construct(_fields_set=set(project.model_fields_set), **values)
    found._digest = digest
    return found


def _read(folder: Path) -> ReleasedProject:
    return ReleasedProject.model_validate({**read(folder / "project.yaml").values, "folder": folder})


class _Loader(SourceFileLoader):
    """Reads a module without a cache beside it, and leads its imports of the project to the same copy."""

    def get_code(self, fullname: str) -> CodeType:
        root = fullname.partition(".")[0]
        tree = _Renamed(_projects[root], root).visit(ast.parse(self.get_data(self.path), self.path))
        made: CodeType = compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)
        return made


class _Renamed(ast.NodeTransformer):
    """Turns ``include.projects.<project>`` into the name that the copy has."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def _name(self, name: str) -> str:
        return self.new + name[len(self.old) :] if name == self.old or name.startswith(f"{self.old}.") else name

    def visit_Import(self, node: ast.Import) -> ast.AST:
        node.names = [ast.alias(self._name(one.name), one.asname) for one in node.names]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        parent, _, name = self.old.rpartition(".")
        if node.level == 0 and node.module == parent:
            whole = [ast.alias(self.new, one.asname or name) for one in node.names if one.name == name]
            node.names = [one for one in node.names if one.name != name]
            return [*([node] if node.names else []), *([ast.copy_location(ast.Import(whole), node)] if whole else [])]
        if node.level == 0 and node.module:
            node.module = self._name(node.module)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if ast.unparse(node) == self.old:
            return ast.copy_location(ast.Name(self.new, node.ctx), node)
        self.generic_visit(node)
        return node


class _Finder(MetaPathFinder):
    """Finds the modules of copies."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root not in _folders:
            return None
        place = _folders[root].joinpath(*rest.split(".")) if rest else _folders[root]
        for file, places in ((place / "__init__.py", [str(place)]), (place.with_name(f"{place.name}.py"), None)):
            if file.is_file() and (rest or places):
                loader = _Loader(fullname, str(file))
                return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=places)
        if place.is_dir():
            found = ModuleSpec(fullname, None, is_package=True)
            found.submodule_search_locations = [str(place)]
            return found
        return None


def _package(folder: Path, project: str, digest: str) -> str:
    """Return the package that the modules of a folder live in; another content gives another package."""
    root = f"{_ROOT}{project}_{hashlib.sha256(f'{folder} {digest}'.encode()).hexdigest()[:16]}"
    with _lock:
        if root not in _folders:
            _folders[root], _projects[root] = folder, f"include.projects.{project}"
            if not any(isinstance(one, _Finder) for one in sys.meta_path):
                sys.meta_path.insert(0, _Finder())
    return root
