"""The section ``training.augmentation`` of a project.yaml: how training items are varied while a model learns.

Only rows of the training part are varied, after the split, in memory: no variant is an item, and none is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, model_validator

from include.projects.content import ArrayContent, Content, ImageContent, TextContent
from include.projects.messages import wrong
from include.projects.parts import Fraction, Part, Problems
from include.projects.wording import choice

OWN = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
Share = Fraction


class Shift(Part):
    """Move a picture by up to so much of its sides; what comes in is its edge repeated."""

    most: float = Field(0.1, gt=0, le=1, description="Of each side.")


class Rotate(Part):
    """Turn a picture about its middle."""

    degrees: float = Field(10, gt=0, le=180, description="At most, to either side.")


class Flip(Part):
    """Mirror a picture."""

    axis: Literal["horizontal", "vertical"] = Field("horizontal", description="Horizontal swaps left and right.")


class Crop(Part):
    """Cut out a part of a picture and bring it to the whole size."""

    least: float = Field(0.8, gt=0, lt=1, description="Of each side, at least.")


class Noise(Part):
    """Add normal noise."""

    deviation: float = Field(0.02, gt=0, le=1, description="Standard deviation, as a share of the range of values.")


class Brightness(Part):
    """Add one number to all points."""

    most: float = Field(0.2, gt=0, le=1, description="As a share of the range of values, to either side.")


class Contrast(Part):
    """Move all points away from their mean, or towards it."""

    most: float = Field(0.2, gt=0, lt=1, description="0.2 multiplies the distance by 0.8 to 1.2.")


class Cutout(Part):
    """Fill squares of a picture with its mean."""

    size: float = Field(0.25, gt=0, le=1, description="Side of a square, as a share of the shorter side.")
    count: int = Field(1, ge=1, le=100, description="How many.")


class _Series(Part):
    series: list[int] | None = Field(None, min_length=1, description="Which of several series, counted from 0; all if not given.")


class Jitter(_Series):
    """Add normal noise to each value of a series."""

    deviation: float = Field(0.03, gt=0, description="As a share of the standard deviation of the window.")


class Scale(_Series):
    """Multiply a series' distance from its mean by one number."""

    deviation: float = Field(0.1, gt=0, le=1, description="Standard deviation of that number around 1.")


class TimeWarp(_Series):
    """Let time run faster here and slower there; begin and end of the window stay."""

    strength: float = Field(0.2, gt=0, lt=1, description="How much faster or slower, at most.")
    knots: int = Field(3, ge=1, le=50, description="How many stretches of other speed, less one.")


class Typo(Part):
    """Put the letter of a key beside in place of some; of a Hangul syllable one of its letters (두벌식 keyboard)."""

    share: Share = Field(0.03, gt=0, description="Of the letters; at least one.")


class Swap(Part):
    """Exchange neighbouring words."""

    times: int = Field(1, ge=1, le=100, description="How often.")


class Delete(Part):
    """Leave out some words; one stays always."""

    share: Share = Field(0.1, gt=0, description="Of the words; at least one.")


class Spacing(Part):
    """Leave out blanks between words, as people do who type Korean in a hurry."""

    share: Share = Field(0.1, gt=0, description="Of the blanks; at least one.")


class RandomCase(Part):
    """Turn letters to upper or lower case."""

    share: Share = Field(0.1, gt=0, description="Of the letters that have a case.")


class Synonym(Part):
    """Put another word of a dictionary in place of some; a Korean particle behind it is made to fit."""

    words: dict[str, list[str]] = Field({}, description="Words that may stand for a word.")
    file: str | None = Field(None, description="Or a CSV file below the project's folder: word, replacement (a|b for several).")
    share: Share = Field(0.2, gt=0, description="Of the words that the dictionary has; at least one.")

    @model_validator(mode="after")
    def _some(self) -> Synonym:
        if not self.words and not self.file:
            raise ValueError("synonym needs words or file")
        if self.file and (PurePosixPath(self.file).is_absolute() or ".." in PurePosixPath(self.file).parts):
            raise ValueError("file must lie below the project's folder")
        if empty := [word for word, others in self.words.items() if not word.strip() or not others or not all(others)]:
            raise ValueError(f"words of {', '.join(map(repr, empty[:5]))} are empty")
        return self


PICTURE: dict[str, type[Part]] = {"shift": Shift, "rotate": Rotate, "flip": Flip, "crop": Crop, "noise": Noise}
PICTURE |= {"brightness": Brightness, "contrast": Contrast, "cutout": Cutout}
SERIES: dict[str, type[Part]] = {"jitter": Jitter, "scale": Scale, "time_warp": TimeWarp}
TEXT: dict[str, type[Part]] = {"typo": Typo, "swap": Swap, "delete": Delete, "spacing": Spacing}
TEXT |= {"random_case": RandomCase, "synonym": Synonym}
KINDS = PICTURE | SERIES | TEXT
POINTING = ("detection", "segmentation", "tagging", "question_answering")  # tasks whose labels point into the item
STILL = ("noise", "brightness", "contrast", "random_case")  # what leaves everything where it stands


class AugmentStep(Part):
    """One way to vary an item."""

    use: str = Field(description="Its name, one of the tables below; or module:function of the project's own.")
    probability: float = Field(0.5, gt=0, le=1, description="That a row is varied by it, in each epoch anew.")
    params: dict[str, Any] = Field({}, description="What it takes; each has a default.")

    @model_validator(mode="after")
    def _known(self) -> AugmentStep:
        if OWN.match(self.use):
            return self
        if self.use not in KINDS:
            raise ValueError(f"use {choice(self.use, list(KINDS))} A function of the project's own is written module:function")
        if problems := wrong(KINDS[self.use], self.params, "params"):
            raise Problems(problems)
        return self

    def asked(self) -> Any:
        """Return its parameters with defaults: a model of `KINDS`, or a dict for one of the project's own."""
        return dict(self.params) if OWN.match(self.use) else KINDS[self.use](**self.params)


class Augmentation(Part):
    """Ways to vary training items, each after the one before; a list alone means ``steps``."""

    steps: list[AugmentStep] = Field([], max_length=50, description="In their order.")
    copies: int = Field(1, ge=1, le=100, description="Of each row, for estimators, which see their rows once; beside the row.")

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return {"steps": given} if isinstance(given, list) else given

    def __bool__(self) -> bool:
        return bool(self.steps)


def augmentation_problems(augmentation: Augmentation, content: Content, task: str) -> list[str]:
    """Return what of the steps does not fit the items or the task, with its place under ``training``."""
    found = []
    for number, step in enumerate(augmentation.steps):
        if problem := _unfit(step, content, task):
            found.append(f"augmentation.{number}.use: {step.use} {problem}")
    return found


def _unfit(step: AugmentStep, content: Content, task: str) -> str | None:
    if task in POINTING and step.use not in STILL:
        return f"would move what the labels of the task {task} point at; these leave it: {', '.join(STILL)}"
    if OWN.match(step.use):
        return None
    known = kinds_of(content)
    if step.use not in known:
        said = f"these are: {', '.join(known)}" if known else "nothing there is can vary them yet"
        shape = f" of shape {content.shape}" if isinstance(content, ArrayContent) else ""
        return f"is not for content of kind {content.kind}{shape}; {said}"
    chosen: Sequence[int] = getattr(step.asked(), "series", None) or ()
    count = content.shape[1] if isinstance(content, ArrayContent) and len(content.shape) > 1 else 1
    if wrong := [one for one in chosen if not 0 <= one < count]:
        return f"names series {', '.join(map(str, wrong))}, and there are 0 to {count - 1}"
    return None


def kinds_of(content: Content) -> dict[str, type[Part]]:
    """Return what can vary items of a form."""
    if isinstance(content, TextContent):
        return TEXT
    if isinstance(content, ImageContent):
        return PICTURE
    if not isinstance(content, ArrayContent):
        return {}
    sides = len(content.shape)
    return (PICTURE if sides in (2, 3) else {}) | (SERIES if sides in (1, 2) else {})
