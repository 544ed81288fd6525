"""``python -m include.components``: list, show, register components, and check the workflow of a project."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from include.components.declare import Component
from include.components.errors import ComponentError
from include.components.graph import edges, order
from include.components.registry import as_text, check_registered, declared, find, param_text, register, registered, shared
from include.projects import Project, ProjectError, load_project
from include.settings import Settings

WRONG = 2


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says.

    Returns:
        0, or 2 where a component or a workflow is wrong; the last lines on stderr say what to do.
    """
    arguments = _parser().parse_args(argv)
    try:
        for line in _COMMANDS[arguments.command](arguments):
            print(line)
    except (ComponentError, ProjectError) as cause:
        for problem in getattr(cause, "problems", [str(cause)]):
            print(problem, file=sys.stderr)
        return WRONG
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.components", description="Components of workflows.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("list", help="all shared components, or those that a word is about")
    one.add_argument("text", nargs="?", default="", help="part of a name, kind, type or description")
    one.add_argument("--project", default="", help="with those that are local to this project")
    one = commands.add_parser("show", help="what one declares")
    one.add_argument("use", help="NAME, NAME@VERSION, or module:function with --project")
    one.add_argument("--project", default="", help="whose local component it is")
    one.add_argument("--json", action="store_true", help="for programs")
    one = commands.add_parser("check", help="read a project and show the graph of its workflow")
    one.add_argument("project")
    commands.add_parser("register", help="give new shared versions their place for ever")
    return parser


def _list(arguments: argparse.Namespace) -> Iterable[str]:
    lock, found = registered(), list(shared().values())
    if arguments.project:
        found += local_components(_project(arguments.project))
    for one in found:
        said = as_text(one)
        if arguments.text.lower() not in json.dumps(said, ensure_ascii=False).lower():
            continue
        state = "" if one.version is None or one.use in lock else "  (not registered)"
        inputs = ", ".join(f"{name}: {kind}" for name, kind in one.inputs.items())
        outputs = ", ".join(f"{name}: {kind}" for name, kind in one.outputs.items())
        yield f"{one.use:<22}{one.kind:<12}{one.about}{state}"
        yield f"{'':<22}({inputs}) -> ({outputs})"


def _show(arguments: argparse.Namespace) -> Iterable[str]:
    use = arguments.use
    if ":" not in use and "@" not in use:
        same = [one.use for one in shared().values() if one.name == use]
        use = same[-1] if same else use
    one = shared()[use] if use in shared() else find(use, _project(arguments.project))
    said = as_text(one)
    if arguments.json:
        return [json.dumps(said, ensure_ascii=False, indent=1)]
    if one.version is not None:
        check_registered(one, registered())
    params = [f"  {name}: {param_text(schema)}" for name, schema in said["params"].items()]
    return [
        f"{one.use}, {one.kind}: {one.about}",
        "inputs:",
        *(f"  {name}: {kind}" for name, kind in said["inputs"].items()),
        "params:",
        *(params or ["  none"]),
        "outputs:",
        *(f"  {name}: {kind}" for name, kind in said["outputs"].items()),
        f"code: {one.body.__module__}:{one.body.__qualname__}",
    ]


def _check(arguments: argparse.Namespace) -> Iterable[str]:
    project = _project(arguments.project)
    assert project is not None
    if project.workflow is None:
        raise ComponentError(f"{project.name} has no section workflow")
    made = edges(project)
    lines = [f"{project.name}: {len(project.workflow.steps)} steps, {len(made)} connections"]
    for name in order(project):
        lines.append(f"{name}: {project.workflow.steps[name].use}")
        lines += [f"  {one.input} <- {one.source}.{one.output} ({one.type})" for one in made if one.step == name]
    return [*lines, f"model: {project.workflow.model}"]


def _register(arguments: argparse.Namespace) -> Iterable[str]:
    new = register()
    return [f"registered {use}" for use in new] or ["nothing is new"]


def _project(name: str) -> Project | None:
    return load_project(name, Settings().projects_dir) if name else None


def local_components(project: Project | None) -> list[Component]:
    """Return the components that the workflow of a project uses from its own folder, and others of the same modules."""
    found: dict[str, Component] = {}
    for step in project.workflow.steps.values() if project and project.workflow else ():
        if ":" in step.use:
            module = sys.modules[find(step.use, project).body.__module__]
            found |= {one.use: one for one in declared(module)}
    return list(found.values())


_COMMANDS = {"list": _list, "show": _show, "check": _check, "register": _register}

if __name__ == "__main__":
    sys.exit(main())
