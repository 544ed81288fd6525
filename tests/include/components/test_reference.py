"""The page of components: its example runs as it stands there, and the library is on it whole."""

from __future__ import annotations

import re

import yaml

from include.components import values
from include.components.call import call
from include.components.graph import components, order
from include.components.reference import components_page
from include.components.registry import shared


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", components_page(), re.DOTALL)


def test_the_example_is_a_component_that_runs_in_its_workflow(with_steps, wines):
    (code,), (use,) = blocks("python"), blocks("yaml")
    steps = yaml.safe_load(use)["workflow"]["steps"]
    project = with_steps(steps, yaml.safe_load(use)["workflow"]["model"], files={"steps.py": code})
    assert order(project) == list(steps)
    told: list[str] = []
    one, rows = components(project)["at_most"], wines["train"]
    made = call(project, "at_most", one, {"rows": rows.inputs, "labels": rows.labels}, 7, told.append)
    labels = values.load(one.outputs["labels"], made["labels"], project)
    most = steps["at_most"]["params"]["most"]
    assert 0 < len(labels) <= 3 * most and max(list(labels).count(each) for each in set(labels)) <= most
    assert len(values.load(one.outputs["rows"], made["rows"], project)) == len(labels)
    assert told == [f"{len(labels)} of {len(rows.labels)} rows stay"]
    assert len(code.splitlines()) <= 25


def test_every_shared_component_and_every_type_is_on_the_page():
    text = components_page()
    for use, one in shared().items():
        (row,) = re.findall(rf"^\| `{use}` \|.*$", text, re.MULTILINE)
        assert all(f"`{name}`: " in row for name in (*one.inputs, *one.params.model_fields, *one.outputs)), use
    types = text.partition("## Types")[2].partition("\n## ")[0]
    kinds = {str(one.type) for each in shared().values() for one in each.inputs.values()}
    assert all(kind.partition("[")[0] in types for kind in kinds) and "| `Labels` | True answers, one a row" in types


def test_commands_of_the_page_are_those_that_there_are():
    from include.components.__main__ import _COMMANDS

    assert set(re.findall(r"python -m include\.components (\w+)", components_page())) == set(_COMMANDS)
