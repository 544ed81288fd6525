"""``python -m include.scaffold NAME --kind KIND``: write a new project that runs, with tests of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from include.projects import Project
from include.scaffold.kinds import KINDS
from include.scaffold.names import SHIPPED, ScaffoldError
from include.scaffold.write import new_project
from include.settings import ROOT, Settings


def main(arguments: list[str] | None = None) -> int:
    """Make one project; return the exit code."""
    kinds = "; ".join(f"{name}: {kind.what}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(prog="python -m include.scaffold", description=__doc__)
    parser.add_argument("name", help="of the project: lower-case letters, digits and underscores")
    parser.add_argument("--kind", required=True, metavar="KIND", help=kinds)
    parser.add_argument("--title", default="", help="what people read, in any language; made from the name otherwise")
    parser.add_argument("--owner", default="data-team", help="a team or a person")
    parser.add_argument("--into", type=Path, help="folder of projects; DEVMLOPS_PROJECTS_DIR or include/projects otherwise")
    options = parser.parse_args(arguments)
    try:
        project = new_project(options.name, options.kind, title=options.title, owner=options.owner, into=options.into)
    except ScaffoldError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(told(project))
    return 0


def told(project: Project) -> str:
    """Return what a person reads at the end: the files, and the next three commands."""
    folder = project.folder
    place = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{place}/"]
    notes = {"project.yaml": "what it is", "model.py": "your model goes here", "source.py": "demo data until yours comes"}
    lines += [f"  {name:28}{notes.get(name, '')}".rstrip() for name in files if not name.endswith(("__init__.py", ".pyc"))]
    python = Path(sys.executable)
    python = python.relative_to(ROOT) if python.is_relative_to(ROOT) else python
    prefix = (
        "" if folder.parent in (SHIPPED, Settings().projects_dir.resolve()) else f"DEVMLOPS_PROJECTS_DIR={_quoted(place.parent)} "
    )
    lines += [
        "",
        "Next:",
        f"  {python} -m pytest {_quoted(place)}",
        f"  {prefix}{python} -m include.local.demo.examples --only {project.name}   # its first data version",
        f"  {prefix}{python} -m include.local up   # then start {project.name}.model_development at {Settings().airflow_url}",
    ]
    return "\n".join(lines)


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(os.fspath(path))


if __name__ == "__main__":
    sys.exit(main())
