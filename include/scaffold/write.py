"""Writing a new project: whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from include.projects import Project, ProjectError, load_project
from include.scaffold.kinds import KINDS, TEMPLATES
from include.scaffold.names import ScaffoldError, check_name
from include.settings import ROOT, Settings

SCHEMA = ROOT / "docs" / "project.schema.json"
LONGEST_TEXT = 200


def new_project(name: str, kind: str, *, title: str = "", owner: str = "data-team", into: Path | None = None) -> Project:
    """Write a project that runs, with tests of its own.

    It is written beside its place and renamed at the end: other processes see all of it or nothing.

    Args:
        name: of the project and of its folder.
        kind: of `KINDS`.
        title: what people read, in any language; made from the name where it is empty.
        owner: of the project; a team or a person.
        into: the folder of projects; that of the settings (``DEVMLOPS_PROJECTS_DIR``) where it is not given.

    Returns:
        The project, as it was read back.

    Raises:
        ScaffoldError: a name, kind, title or owner that cannot be, or a folder that cannot be written to.
    """
    folder = (into or Settings().projects_dir).resolve()
    if kind not in KINDS:
        raise ScaffoldError(f"there is no kind of project {kind!r}", f"Take one of {', '.join(KINDS)}")
    check_name(name, folder)
    texts = {"title": _text("title", title or name.replace("_", " ").capitalize()), "owner": _text("owner", owner)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two levels down: no process that lists projects meanwhile takes it for one.
        building = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    except OSError as cause:
        raise ScaffoldError(f"{folder} cannot be written to: {cause.strerror}", "Name another folder by --into") from cause
    try:
        _write(building / name, folder / name, kind, texts)
        try:
            load_project(name, building)
        except ProjectError as cause:
            raise ScaffoldError(f"the template of {kind} makes no project: {cause}", "Mend include/scaffold/templates") from cause
        try:
            (building / name).rename(folder / name)
        except OSError as cause:
            raise ScaffoldError(f"{folder / name} cannot be made: {cause.strerror}", "Take another name") from cause
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return load_project(name, folder)


def _write(building: Path, target: Path, kind: str, texts: dict[str, str]) -> None:
    """Write the files into ``building``, as they are to be read in ``target``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Autoescaping is of HTML; what is made here is Python and YAML, and what people gave is quoted by `_text`.
    templates = Environment(  # nosec B701
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    one = KINDS[kind]
    words = {
        "name": target.name,
        "table": f"{target.name}_items",
        "title_yaml": texts["title"],
        "owner_yaml": texts["owner"],
        "domain": one.domain,
        "task": one.task,
        "schema": Path(os.path.relpath(SCHEMA, target)).as_posix(),
        **one.facts,
    }
    for path, template in one.files(kind).items():
        made = templates.get_template(template.relative_to(TEMPLATES).as_posix()).render(words)
        place = building / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(re.sub(r"\n{4,}", "\n\n\n", made.strip("\n")) + "\n", encoding="utf-8")
    (building / "__init__.py").touch()


def _text(what: str, text: str) -> str:
    """Return a text of people as YAML, in quotes where it needs them."""
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        advice = f"Give one line of 1 to {LONGEST_TEXT} characters, in any language"
        raise ScaffoldError(f"the {what} {text[:60]!r} cannot be used", advice)
    plain = text.replace(" ", "").replace("-", "").isalnum() and not text[0].isdigit() and text[0] != "-" and text[-1] != "-"
    words = ("true", "false", "yes", "no", "on", "off", "null", "none", "y", "n")
    return text if plain and text.lower() not in words else json.dumps(text, ensure_ascii=False)
