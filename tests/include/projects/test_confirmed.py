"""Which sections of a project.yaml are part of the code that is confirmed: the list says it of each, and the digest follows."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from include.projects import Project, list_projects, load_project
from include.projects.confirmed import PART_OF_CODE, SERVED, confirmed_sections, part_of_code
from include.projects.forms import sections
from include.projects.reference import all_sections, confirmed, page


def unsaid() -> list[str]:
    """Return the sections and keys of which the list does not say whether they are part of the code."""
    mixed = [one for one in all_sections() if part_of_code(one.path) is None]  # then each key must be said
    keys = {f"{one.path}.{name}".strip(".") for one in mixed for name, _ in sections(one.model)}
    found = sorted(path for path in keys - {one.path for one in mixed} if part_of_code(path) is None)
    # A section within one that is no part of the code may still be one.
    return found + [one.path for one in all_sections() if part_of_code(one.path) is False and one.path not in PART_OF_CODE]


def test_the_list_speaks_of_every_section() -> None:
    assert unsaid() == [], "say in include.projects.confirmed whether they are part of the code that is confirmed"


@pytest.mark.parametrize("path", ["monitoring", "training.gate", "data.masking.columns.*", "retraining", "card"])
def test_a_section_that_is_in_no_list_is_found(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PART_OF_CODE, path)
    assert unsaid()


def test_the_list_names_what_there_is() -> None:
    known = {"": Project} | {one.path: one.model for one in all_sections()}
    for path in PART_OF_CODE:
        above, _, key = path.rpartition(".")
        keys = {name for name, _ in sections(known[above])} if above in known else set()
        assert path in known or key in keys, path
    assert all(PART_OF_CODE[path] for path in SERVED)
    nothing = [path for path, said in PART_OF_CODE.items() if not said]
    assert not [(no, yes) for no in nothing for yes, said in PART_OF_CODE.items() if said and yes.startswith(f"{no}.")]


def changed(place: str, value: Any, project: str = "digits") -> tuple[dict[str, str], dict[str, str]]:
    """Return the confirmed sections of a project before and after a change of its project.yaml."""
    source = load_project(project)
    raw = yaml.safe_load((source.folder / "project.yaml").read_text(encoding="utf-8"))
    node, *way = raw, *place.split(".")
    for part in way[:-1]:
        node = node.setdefault(part, {})
    node[way[-1]] = value
    return confirmed_sections(source), confirmed_sections(Project.model_validate({**raw, "folder": source.folder}))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("monitoring.threshold", 0.7),
        ("owner", "다른 팀"),
        ("title", "Other"),
        ("card.limits", "weak"),
        ("environments", "gpu"),
        ("approval.timeout_minutes", 7),
        ("retraining.min_new_rows", 500),
        ("training.confirmation", {"by": "person"}),
        ("training.tuning.resources", {"cpu": 2}),
        ("data.source.fetch_rows", 10),
        ("training.epochs", 25),  # its default
    ],
)
def test_what_changes_no_model_and_no_judgement_is_no_part(place: str, value: Any) -> None:
    before, after = changed(place, value)
    assert before == after


@pytest.mark.parametrize(
    ("place", "value", "section"),
    [
        ("training.gate.minimum", 0.1, "training.gate"),
        ("training.seed", 99, "training.seed"),
        ("training.tuning.trials", 99, "training.tuning"),
        ("data.content.range", [0, 32], "data.content"),
        ("data.refine", [{"use": "drop_duplicates"}], "data.refine"),
        ("data.checks.max_duplicates", 0.9, "data.checks"),
        ("split.seed", 99, "split"),
        ("components.features", "features:other", "components.features"),
        ("retraining.max_loss_on_old", 0.5, "retraining"),
        ("release.staging_min_accuracy", 0.1, "release"),
    ],
)
def test_what_changes_a_model_or_its_judgement_is_part(place: str, value: Any, section: str) -> None:
    before, after = changed(place, value)
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == {section}


def test_titles_and_places_of_steps_are_no_part_and_their_params_are() -> None:
    raw = yaml.safe_load((load_project("wine_cultivars").folder / "project.yaml").read_text(encoding="utf-8"))
    name = next(iter(raw["workflow"]["steps"]))
    for key, value in (("title", "첫"), ("environment", "gpu"), ("timeout_minutes", 3)):
        before, after = changed(f"workflow.steps.{name}.{key}", value, "wine_cultivars")
        assert before == after
    name, step = next((name, step) for name, step in raw["workflow"]["steps"].items() if step.get("params"))
    before, after = changed(f"workflow.steps.{name}.params", {}, "wine_cultivars")
    assert before["workflow"] != after["workflow"], step


@pytest.mark.parametrize("name", list_projects())
def test_every_shipped_project_has_its_sections(name: str) -> None:
    found = confirmed_sections(load_project(name))
    assert {"name", "task", "data.content", "split"} <= set(found) and all(len(one) == 64 for one in found.values())


def test_the_reference_page_says_it_of_each_section() -> None:
    text = page()
    assert text.count("Part of the code that is confirmed: ") == len(all_sections())
    of = {one.path: confirmed(one) for one in all_sections()}
    assert of["monitoring"].endswith(": no.") and of["training.gate"].endswith(": yes.")
    assert of["retraining"].endswith("yes, without `min_new_rows`, `truth_wait_minutes`.")
    assert "yes `content`" in of["data"] and "no `source`" in of["data"]
