"""The reference pages, and the JSON schema of project.yaml for editors, made from the models.

``python -m include.projects.reference`` (``make docs``) writes them into docs/.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from include.projects.confirmed import exceptions, part_of_code
from include.projects.forms import bare, chooser, described, is_model, is_union, limits, members, sections
from include.projects.project import Project
from include.projects.reference_examples import Examples
from include.projects.reference_tables import tables
from include.settings import ROOT, Settings

DOCS = ROOT / "docs"
UNICODE = re.compile(r"\\[pw]")  # letters of all languages in pydantic, those of ASCII or an error in JavaScript
HEAD = """# project.yaml

Everything that a project is: where its data comes from, what its model learns, what it must show, who is asked. A new
project is made by `make project NAME=... KIND=vision|language|tabular|timeseries`. This page is made from the code by
`make docs`; editors complete and check by `docs/project.schema.json`, which the first line of a project.yaml names:

    # yaml-language-server: $schema=../../../docs/project.schema.json

What is wrong with a file is told with its line, all of it at once, as an import error in the Airflow UI and wherever
the project is used:

    include/projects/digits/project.yaml:36: training.tuning.space.dropout.low: must be below high (is 0.4, high is 0.1). ...

The file is YAML in UTF-8 of at most 1 MiB; a key that is there twice or is not listed here is an error.

The code of a project is its files and those sections of this file that say what a model learns, answers or is judged by.
Confirming a model confirms the code that it was trained with, and on ops data confirmed code alone runs; so a change of
these sections asks for a run of `<project>.model_development` before the next retraining, and a change of the others does
not. Each section says whether it is part of that code; what is at its default counts as not written.

"""


@dataclass(frozen=True)
class Section:
    """One section of the file: where it stands (``*`` is any name, ``[]`` any place of a list), and its model."""

    path: str
    tag: str
    model: type[BaseModel]

    @property
    def title(self) -> str:
        """The heading."""
        return f"`{self.path}`{f' ({self.tag})' if self.tag else ''}" if self.path else "The file"

    @property
    def anchor(self) -> str:
        """What links to it name, as GitHub makes it from the heading."""
        return "#" + re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")


def all_sections() -> list[Section]:
    """Return every section once, each in front of those inside of it."""
    found: dict[type[BaseModel], Section] = {}

    def visit(annotation: Any, path: str, tag: str = "") -> None:
        kind = bare(annotation)
        if is_union(kind):
            for one, member in members(kind):
                visit(member, path, f"{chooser(member)}: {one}" if one and is_model(member) else "")
        elif is_model(kind):
            if kind not in found:
                found[kind] = Section(path, tag, kind)
                for name, field in sections(kind):
                    visit(field, f"{path}.{name}".strip("."))
        elif arguments := get_args(kind):
            mapping = getattr(kind, "__origin__", None) is dict
            visit(arguments[-1], f"{path}.*" if mapping else f"{path}[]")

    visit(Project, "")
    return list(found.values())


def page() -> str:
    """Return docs/project-yaml.md."""
    known = all_sections()
    examples = Examples()
    lines = [HEAD, "## Sections\n"]
    lines += [f"- [{one.title}]({one.anchor})" for one in known]
    for one in known:
        lines += ["", f"## {one.title}", "", doc(one.model), "", confirmed(one), ""]
        lines += ["| key | what it is | default | what it means |"]
        lines += ["|---|---|---|---|", *(_row(name, field, known) for name, field in sections(one.model))]
        lines += tables(one.path)
        if example := examples.of(one.path, one.tag):
            lines += ["", f"From `{example[0]}`:", "", "```yaml", example[1], "```"]
    return "\n".join(lines) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a project.yaml."""
    made = Project.model_json_schema()
    made["properties"].pop("folder")
    made["required"].remove("folder")
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "project.yaml"}
    for one in all_sections():
        given = one.model.__pydantic_decorators__.model_validators.values()
        name = one.model.__name__
        if any(check.info.mode == "before" for check in given) and name in made["$defs"]:  # it takes short forms too
            made["$defs"][name] = {"anyOf": [made["$defs"][name], {"type": ["string", "array", "object"]}]}
    return dict(_plain(made))


def settings_page() -> str:
    """Return docs/settings.md."""
    lines = ["# Settings", "", "Each is an environment variable. The local platform sets what it needs by itself; Airflow tasks"]
    lines += ["overlay what their Airflow connections say. This page is made from the code by `make docs`.", ""]
    lines += ["| variable | what it is | default | what it means |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        kind = "secret text" if bare(field) is SecretStr else "path" if bare(field) is Path else described(field)
        value = field.default
        if isinstance(value, Path) and value.is_relative_to(ROOT):
            value = value.relative_to(ROOT)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        shown = "" if value in ("", None) else f"`{value}`"
        lines.append(f"| `DEVMLOPS_{name.upper()}` | {kind} | {shown} | {cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """Return everything that is written into docs/: file name -> text."""
    from include.components.reference import components_page  # both write theirs with what is here
    from include.management.reference import environments_page

    return {
        "components.md": components_page(),
        "environments.md": environments_page(),
        "project-yaml.md": page(),
        "project.schema.json": json.dumps(schema(), ensure_ascii=False, indent=1) + "\n",
        "settings.md": settings_page(),
    }


def confirmed(section: Section) -> str:
    """Return the sentence about whether a section is part of the code that is confirmed, made from the one list of it."""
    said = part_of_code(section.path)
    if said is None:
        keys = {name: part_of_code(f"{section.path}.{name}".strip(".")) for name, _ in sections(section.model)}
        known = {answer: ", ".join(f"`{key}`" for key, one in keys.items() if one is answer) for answer in (True, False, None)}
        told = [f"yes {known[True]}", f"no {known[False]}", f"see there {known[None]}"]
        return f"Part of the code that is confirmed: {'; '.join(one for one in told if one.endswith('`'))}."
    without = ", ".join(f"`{one}`" for one in exceptions(section.path)) if said else ""
    return f"Part of the code that is confirmed: {'yes' if said else 'no'}{f', without {without}' if without else ''}."


def doc(model: type[BaseModel]) -> str:
    """Return what a section says of itself."""
    own = "__doc__" in vars(model) and model.__doc__
    return re.sub(r"``(.+?)``", r"`\1`", inspect.cleandoc(own)) if own else ""


def _row(name: str, field: FieldInfo, known: list[Section]) -> str:
    alone = get_args(bare(field)) if len(get_args(bare(field))) == 1 else ()
    if alone and isinstance(alone[0], str):
        return f"| `{name}` | `{alone[0]}` | {default(field)} | {cell(meaning(field) or 'Chooses this section.')} |"
    return f"| `{name}` | {_type(field, known)} | {default(field)} | {cell(meaning(field))} |"


def meaning(field: FieldInfo) -> str:
    """Return what a key means: its description, else what the section behind it says of itself."""
    if field.description:
        return field.description
    kind = bare(field)
    if is_model(kind):
        return doc(kind).split("\n\n")[0].replace("\n", " ")
    return ""


def _type(field: FieldInfo, known: list[Section]) -> str:
    inner: Any = bare(field)
    while get_args(inner) and not is_union(inner) and getattr(inner, "__origin__", None) in (dict, list):
        inner = bare(get_args(inner)[-1])
    models = [bare(one) for _, one in members(inner)] if is_union(inner) else [inner]
    links = [f"[{one.tag.partition(': ')[2] or 'section'}]({one.anchor})" for one in known if one.model in models]
    words = ", ".join(filter(None, (described(field), limits(field))))
    if not links:
        return cell(words)
    outer: Any = getattr(bare(field), "__origin__", None)
    return {dict: "mapping of name to ", list: "list of "}.get(outer, "") + " or ".join(links)


def default(field: FieldInfo) -> str:
    """Return the default of a key, or that it must be given."""
    value = field.default
    if field.is_required() or value is PydanticUndefined:
        return "**required**"
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        value = [one.model_dump(exclude_defaults=True) for one in value]
    return "" if value in ("", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _code(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))


def cell(text: str) -> str:
    """Return a text as it may stand in a table."""
    return _code(text).replace("|", "\\|").replace("<", "&lt;")


def _plain(value: Any) -> Any:
    """Return a schema without what is of Python: markup of docstrings, and patterns that mean less in JavaScript."""
    if isinstance(value, dict):
        rest = {key: _plain(one) for key, one in value.items()}
        if UNICODE.search(str(rest.get("pattern", ""))):
            del rest["pattern"]
        if len(named := rest.get("patternProperties", {})) == 1 and UNICODE.search(next(iter(named))):
            rest["additionalProperties"] = rest.pop("patternProperties").popitem()[1]
        if isinstance(rest.get("description"), str):
            rest["description"] = _code(rest["description"])
        return rest
    return [_plain(one) for one in value] if isinstance(value, list) else value


def main() -> None:
    """Write the files."""
    DOCS.mkdir(exist_ok=True)
    for name, text in files().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
