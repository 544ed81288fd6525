"""The reference pages are what the models say, whole, and the schema takes every shipped project."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from include.projects import list_projects
from include.projects.forms import sections
from include.projects.project import Project
from include.projects.reference import DOCS, all_sections, files, meaning, page, schema
from include.projects.reference_examples import PROJECTS
from include.settings import Settings


@pytest.mark.parametrize("name", ["components.md", "environments.md", "project-yaml.md", "project.schema.json", "settings.md"])
def test_the_files_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == files()[name], "run `make docs`"


def test_every_key_says_what_it_means() -> None:
    silent = {
        f"{one.title}: {name}"
        for one in all_sections()
        for name, field in sections(one.model)
        if not meaning(field) and name not in one.tag
    }
    assert not silent, "give them a Field description"
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_the_page_holds_every_key_and_links_to_what_is_there() -> None:
    text, titles = page(), [one.title for one in all_sections()]
    assert len(titles) == len(set(titles)) > 50
    for one in all_sections():
        own = text.partition(f"\n## {one.title}\n")[2].partition("\n## ")[0]
        assert all(f"| `{name}` |" in own for name, _ in sections(one.model)), one.title
    anchors = {one.anchor for one in all_sections()}
    assert len(anchors) == len(titles)
    assert set(re.findall(r"\]\((#[^)]*)\)", text)) == anchors
    assert "folder" not in re.findall(r"^\| `(\w+)` \|", text, re.M)


def test_examples_come_from_shipped_projects() -> None:
    blocks = re.findall(r"From `(include/projects/\w+/project\.yaml)`:\n\n```yaml\n(.*?)\n```", page(), re.DOTALL)
    assert len(blocks) > 15
    for file, text in blocks:
        shipped = " ".join((PROJECTS.parents[1] / file).read_text(encoding="utf-8").split())
        assert " ".join(text.split()) in shipped and yaml.safe_load(text)


def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("name", list_projects())
def test_the_schema_takes_what_is_right(name: str) -> None:
    document = yaml.safe_load((PROJECTS / name / "project.yaml").read_text(encoding="utf-8"))
    assert [one.message for one in validator().iter_errors(document)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [("domain", "taste"), ("colour", "red"), ("monitoring", {"window_row": 3}), ("split", {"seed": "a"}), ("environments", 3)],
)
def test_the_schema_refuses_what_is_wrong(place: str, value: Any) -> None:
    document = yaml.safe_load((PROJECTS / "digits" / "project.yaml").read_text(encoding="utf-8"))
    checker = validator()
    assert not list(checker.iter_errors(document | {"environments": "local"}))
    found = list(checker.iter_errors(document | {place: value}))
    assert found and all(place in [*one.absolute_path, *re.findall(r"\w+", one.message)] for one in found)


def test_the_schema_names_all_sections() -> None:
    made = schema()
    assert set(made["properties"]) == {name for name, _ in sections(Project)}
    assert "folder" not in made["required"] and "name" in made["required"]
