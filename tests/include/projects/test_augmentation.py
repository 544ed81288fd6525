"""What training.augmentation of project.yaml may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from include.projects import Project, load_project
from include.projects.augmentation import KINDS, AugmentStep
from tests.include.projects.conftest import Refused


def made(name: str, augmentation: Any, **changes: Any) -> Project:
    raw = {**load_project(name).model_dump(exclude_unset=True), **changes}
    return Project(**{**raw, "training": {**raw.get("training", {}), "augmentation": augmentation}})


def test_a_list_means_steps() -> None:
    short = made("digits", [{"use": "rotate"}]).training.augmentation
    assert short == made("digits", {"steps": [{"use": "rotate"}]}).training.augmentation
    assert short.copies == 1 and short.steps[0].asked().degrees == 10 and short
    assert not load_project("digits").training.augmentation


@pytest.mark.parametrize(
    ("name", "step", "says"),
    [
        ("digits", {"use": "typo"}, r"augmentation.0.use: typo is not for content of kind array of shape \[8, 8\]; these"),
        ("support_tickets", {"use": "rotate"}, "rotate is not for content of kind text; these are: typo"),
        ("breast_masses", {"use": "noise"}, "noise is not for content of kind table; nothing there is"),
        ("co2_levels", {"use": "jitter", "params": {"series": [2]}}, "names series 2, and there are 0 to 1"),
        ("shelf_photos", {"use": "flip"}, "would move what the labels of the task detection point at; .* noise"),
        ("shelf_photos", {"use": "augment:own"}, "would move what the labels"),
        ("digits", {"use": "rotate", "probability": 0}, "greater than 0"),
        ("support_tickets", {"use": "synonym"}, "synonym needs words or file"),
        ("support_tickets", {"use": "synonym", "params": {"file": "../../secret.csv"}}, "below the project's folder"),
        ("support_tickets", {"use": "synonym", "params": {"words": {"배송": []}}}, "'배송' are empty"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(name: str, step: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(name, [step])


KNOWN = "shift, rotate, flip, crop, noise, brightness, contrast, cutout, jitter, scale, time_warp, typo, swap, delete, "
KNOWN += "spacing, random_case, synonym"


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (
            "{use: rotat}",
            f"use: must be one of {KNOWN} (is 'rotat'). Did you mean rotate? A function of the project's own is written "
            "module:function",
        ),
        ("{use: rotate, params: {degres: 3}}", "params.degres: there is no such key. Did you mean degrees? Keys here: degrees"),
        ("{use: rotate, params: {degrees: 900}}", "params.degrees: must be at most 180 (is 900). At most, to either side."),
        ("{use: flip, params: {axis: up}}", "params.axis: must be one of horizontal, vertical (is 'up')."),
        ("{use: cutout, params: {count: 1.5}}", "params.count: must be a whole number (is 1.5). How many."),
        ("{use: synonym}", "params: synonym needs words or file"),
        (
            "{use: synonym, params: {words: {배송: [1]}}}",
            'params.words.배송.0: must be text (is 1). Write it in quotes: "1"',
        ),
    ],
)  # fmt: skip
def test_what_is_no_augmentation_is_refused_with_its_line(step: str, says: str, refused: Refused) -> None:
    change = ("  seed: 7\n\ncard", f"  seed: 7\n  augmentation:\n    - {step}\n\ncard")
    assert refused("digits", change) == [f"use | training.augmentation.0.{says}"]


def test_what_leaves_everything_in_place_fits_boxes() -> None:
    assert made("shelf_photos", [{"use": "brightness"}, {"use": "noise"}]).training.augmentation


def test_every_kind_has_defaults_and_words() -> None:
    for name, kind in KINDS.items():
        assert kind.__doc__ and all(field.description for field in kind.model_fields.values())
        if name != "synonym":
            AugmentStep(use=name).asked()
