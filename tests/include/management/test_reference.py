"""The page of environments tells every field, and its examples are environments."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import yaml

from include.jobs import JOBS
from include.jobs.request import REPOSITORY
from include.management import Environment, Reference, Runtime
from include.management.reference import EXAMPLES, RUNTIMES, environments_page
from include.projects.environments import Environments
from include.projects.reference import meaning


@pytest.mark.parametrize("model", [Environment, Reference])
def test_every_field_is_on_the_page_and_says_what_it_means(model):
    assert not [name for name, field in model.model_fields.items() if not meaning(field)], "give them a Field description"
    text = environments_page()
    assert all(f"| `{name}` |" in text for name in model.model_fields)


def test_the_page_has_an_example_of_each_runtime_that_can_be_kept():
    assert tuple(EXAMPLES) == RUNTIMES == get_args(Runtime)
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", environments_page(), re.DOTALL)]
    (placed,) = [block for block in blocks if "environments" in block]
    kept = [Environment(**block) for block in blocks if block is not placed]
    assert [one.runtime for one in kept] == list(RUNTIMES)
    named = Environments.model_validate(placed["environments"]).choices
    assert set(named) == {"local", "gpu", "cluster", "box"}


def test_the_page_names_the_jobs_that_stay_here():
    told = environments_page().partition("## What stays on this machine")[2].partition("\n## ")[0]
    assert REPOSITORY in told
    assert {name for name in JOBS if f"`{name}`" in told} == {name for name, one in JOBS.items() if one.ledger or one.packages}


@pytest.mark.parametrize(("key", "runtimes"), [("image", "docker, kubernetes"), ("cpu", "all"), ("network", "docker")])
def test_the_page_says_where_a_field_means_something(key, runtimes):
    (row,) = re.findall(rf"^\| `{key}` \|.*$", environments_page(), re.MULTILINE)
    assert f"| {runtimes} |" in row
