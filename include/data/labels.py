"""Labels: the true answer of an item as text, in one form for each task.

=====================  ===========================================================================================
task                   label
=====================  ===========================================================================================
classification         the class name
regression             a number as text
detection              ``[{"box":[x,y,width,height],"class":"cat"}]``, pixels from the upper left corner
segmentation           ``{"masks":[{"class":"road","counts":[n,...]}],"size":[height,width]}``, run lengths column
                       by column that begin with pixels outside, as COCO writes them
tagging                ``[{"class":"PER","end":5,"start":2}]``, characters, the end not included
question_answering     ``{"answers":[{"start":3,"text":"..."}]}``, places in the context; none where it has no answer
clustering, reduction  the class name where one is known: it is compared with, never learnt from
control                none
=====================  ===========================================================================================

JSON is canonical (sorted keys, no spaces), so equal labels are equal texts.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from include.projects import Project
from include.projects.tasks import Task

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_CLASS = 200  # characters of a class, as project.yaml allows, or of a number
MAX_PARTS = 100_000  # boxes, masks, spans or answers of one item


def dump(value: Any) -> str:
    """Return a structured label as text.

    Raises:
        ValueError: it holds what JSON cannot: NaN, infinity.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load(label: str) -> Any:
    """Return what a structured label holds.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(label)
    except RecursionError as cause:
        raise ValueError("it is nested too deep") from cause


def classes_of(label: str, project: Project) -> list[str]:
    """Return the class names that a label counts as: one for each box, mask or span; none for numbers and answers."""
    return names(label, project.task)


def names(label: str, task: Task) -> list[str]:
    """Return `classes_of` a label of a task."""
    if task in ("classification", "clustering", "reduction"):
        return [label] if label else []  # "" stands for no label in the splits of tasks that need none
    if task in ("regression", "question_answering", "control"):
        return []
    try:
        value = load(label)
        found = [one["class"] for one in (value["masks"] if task == "segmentation" else value)]
        return [name for name in found if isinstance(name, str)]
    except (ValueError, TypeError, KeyError):
        return []


def problem(label: str, project: Project, content: Any = None) -> str | None:
    """Return what is wrong with a label, None where it is one.

    Args:
        label: the text.
        project: its task and classes.
        content: what is labelled, where places are to lie inside of it: a text (tagging), a row with ``context``
            (question answering), or (height, width) in pixels (detection, segmentation).
    """
    if project.task in ("classification", "clustering", "reduction"):
        return None if label in project.classes else _no_class(label, project.classes)
    if project.task == "control":
        return "transitions have no label: leave data.source.label out"
    try:
        if project.task == "regression":
            if not NUMBER.fullmatch(label[:MAX_CLASS]) or len(label) > MAX_CLASS:
                return f"{label[:40]!r} is no number"
            return None if math.isfinite(float(label)) else f"{label[:40]!r} is not finite"
        value = load(label)
        if dump(value) != label:
            return "it is not written in canonical JSON"
        return _CHECKS[project.task](value, set(project.classes), content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        said = f"no {cause}" if isinstance(cause, KeyError) else str(cause)
        return f"it is no label of {project.task}: {said[:100]}"


def _detection(value: Any, classes: set[str], content: Any) -> str | None:
    for one in _listed(value):
        if other := _other_class(one, classes):
            return other
        x, y, width, height = (_finite(number) for number in one["box"])
        if x < 0 or y < 0 or width <= 0 or height <= 0:
            return f"the box {one['box']} has a corner outside of the image or no area"
        if content and (x + width > content[1] + 1e-6 or y + height > content[0] + 1e-6):
            return f"the box {one['box']} reaches out of the image of {content[1]} x {content[0]} pixels"
    return None


def _segmentation(value: Any, classes: set[str], content: Any) -> str | None:
    height, width = value["size"]
    if not (_whole(height) and _whole(width)) or height < 1 or width < 1 or (content and (height, width) != tuple(content)):
        return f"its size {value['size']} is not that of the image"
    for one in _listed(value["masks"]):
        if other := _other_class(one, classes):
            return other
        counts = one["counts"]
        if not isinstance(counts, list) or any(not _whole(n) or n < 0 for n in counts) or sum(counts) != height * width:
            return f"the run lengths of a mask do not add up to {height * width} pixels"
    return None


def _tagging(value: Any, classes: set[str], content: Any) -> str | None:
    for one in _listed(value):
        if other := _other_class(one, classes):
            return other
        start, end = one["start"], one["end"]
        if not (_whole(start) and _whole(end) and 0 <= start < end):
            return f"the span {start} to {end} is none"
        if content is not None and end > len(content):
            return f"the span {start} to {end} reaches out of the text of {len(content)} characters"
    return None


def _answers(value: Any, classes: set[str], content: Any) -> str | None:
    for one in _listed(value["answers"]):
        start, answer = one["start"], one["text"]
        if not _whole(start) or start < 0 or not isinstance(answer, str) or not answer:
            return "an answer needs a text and where it starts"
        if content is not None and (content["context"] or "")[start : start + len(answer)] != answer:
            return f"the answer {answer[:40]!r} does not stand at {start} of the context"
    return None


_CHECKS = {"detection": _detection, "segmentation": _segmentation, "tagging": _tagging, "question_answering": _answers}


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_PARTS:
        raise ValueError(f"a list of at most {MAX_PARTS} is wanted")
    return value


def _other_class(one: Any, classes: set[str]) -> str | None:
    return None if one["class"] in classes else f"{str(one['class'])[:40]!r} is no class"


def _no_class(label: str, classes: Sequence[str]) -> str:
    if len(label) <= MAX_CLASS and unicodedata.normalize("NFC", label) in classes:
        return f"{label!r} is no class: it is one in another Unicode form, composed it would be right"
    return f"{label[:40]!r} is no class"


def _whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError(f"{str(number)[:20]!r} is no finite number")
    return float(number)
