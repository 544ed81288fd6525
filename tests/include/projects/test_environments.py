"""The section environments of a project.yaml."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.projects.environments import Environments

made = Environments.model_validate


def test_short_forms_mean_the_long_ones():
    assert made("gpu") == made({"default": {"environment": "gpu"}})
    assert made({"train": "gpu"}) == made({"jobs": {"train": {"environment": "gpu"}}})
    assert made({}).of("train").environment == "local"
    assert made({"default": "box", "allowed": ["gpu"], "tune": "ray", "train": "gpu"}).choices == ["box", "gpu", "ray"]


def test_a_placement_is_the_tasks_pool_queue_and_priority():
    placed = made({"train": {"environment": "gpu", "pool": "gpus", "slots": 2, "queue": "big", "priority": 10}, "tune": "ray"})
    expected = {"pool": "gpus", "pool_slots": 2, "queue": "big", "priority_weight": 10}
    assert placed.placements(["train", "tune", "evaluate"]) == {"train": expected}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"trian": "gpu"}, "there is no job trian; there are tune, train"),
        ({"default": "GPU"}, "should match pattern"),
        ({"train": "gpu; rm -rf /"}, "should match pattern"),
        ({"train": {"environment": "gpu", "priority": 0}}, "greater than or equal to 1"),
        ({"train": {"environment": "gpu", "pools": "x"}}, "Extra inputs"),
        ({"train": {"timeout_minutes": 0}}, "greater than 0"),
        ({"train": {"memory": "lots"}}, "'lots' is no size: write a number and Ki, Mi, Gi or Ti"),
        ({"train": {"memory": "1Mi"}}, "1Mi is too little for a Python process"),
        ({"allowed": "gpu"}, "valid list"),
        ({"jobs": ["gpu"]}, "valid dictionary"),
        ([1], "valid dictionary"),
        (7, "valid dictionary"),
    ],
)
def test_what_is_refused(given, says):
    with pytest.raises(ValidationError, match=says):
        made(given)
