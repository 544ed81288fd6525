"""What people answer in Label Studio, turned into labels and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from include.data import labels
from include.data.labelling import masks
from include.data.labelling.interfaces import ANSWER, ITEM, LABEL
from include.projects import Project

DIGITS = 3  # of a pixel: Label Studio keeps places in percent


@dataclass(frozen=True)
class Answer:
    """What one person answered about one item.

    Attributes:
        by: who; the person's e-mail address.
        label: the label, None where the person skipped the item or the answer is none.
        at: when, ISO 8601.
        round: in which pass, from 1.
        problem: what is wrong with the answer, where something is.
    """

    by: str
    label: str | None
    at: str
    round: int
    problem: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"at": self.at, "by": self.by, "label": self.label, "pass": self.round}


def to_label(result: list[dict[str, Any]], project: Project, content: Any) -> str | None:
    """Return the label that an answer means; None where it says nothing.

    Args:
        result: the answer's regions and choices, as Label Studio keeps them.
        project: its task.
        content: what it is about, see `include.data.labelling.contents.about`.

    Raises:
        ValueError: it means no label.
    """
    try:
        if project.task in ("classification", "regression"):
            return _single(result, project)
        parts = [one for one in result if one.get("to_name") == ITEM]
        if project.task == "detection":
            found = [_box(one, content) for one in parts if one["type"] == "rectanglelabels"]
            return labels.dump(sorted(found, key=labels.dump))
        if project.task == "segmentation":
            height, width = content
            shapes = [_mask(one, height, width) for one in parts if one["type"] in ("brushlabels", "polygonlabels")]
            drawn = sorted((one for one in shapes if len(one["counts"]) > 1), key=labels.dump)
            return labels.dump({"masks": drawn, "size": [height, width]})
        text = content if project.task == "tagging" else content["context"] or ""
        spans = [_span(one, text) for one in parts if one["type"] == "labels"]
        if project.task == "tagging":
            unique = {(s["start"], s["end"], s["class"]): s for s in spans}
            return labels.dump([unique[place] for place in sorted(unique)])
        places = sorted({(s["start"], s["end"]) for s in spans})
        return labels.dump({"answers": [{"start": start, "text": text[start:end]} for start, end in places]})
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as cause:
        raise ValueError(f"it is no answer of this interface: {type(cause).__name__} {cause}") from cause


def to_result(label: str, project: Project, content: Any) -> list[dict[str, Any]]:
    """Return a label as Label Studio keeps an answer, for showing it to people.

    Args:
        label: of the project's task.
        project: its task.
        content: as for `to_label`.
    """
    base = {"from_name": LABEL, "to_name": ITEM}
    if project.task == "classification":
        return [{**base, "id": "0", "type": "choices", "value": {"choices": [label]}}]
    if project.task == "regression":
        return [{**base, "id": "0", "type": "number", "value": {"number": float(label)}}]
    value = labels.load(label)
    if project.task in ("tagging", "question_answering"):
        text = content if project.task == "tagging" else content["context"] or ""
        found = value if project.task == "tagging" else [_as_span(one) for one in value["answers"]]
        return [{**base, "id": str(n), "type": "labels", "value": _as_labels(one, text)} for n, one in enumerate(found)]
    height, width = content
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    if project.task == "detection":
        return [
            {**base, **size, "id": str(n), "type": "rectanglelabels", "value": _as_box(one, height, width)}
            for n, one in enumerate(value)
        ]
    return [
        {**base, **size, "id": str(n), "type": "brushlabels", "value": _as_brush(one, height, width)}
        for n, one in enumerate(value["masks"])
    ]


def _single(result: list[dict[str, Any]], project: Project) -> str | None:
    found = [one["value"] for one in result if one.get("from_name") == LABEL]
    if not found:
        return None
    if project.task == "regression":
        number = float(found[-1]["number"])
        if not math.isfinite(number):
            raise ValueError("it is no finite number")
        return repr(number)
    chosen = found[-1]["choices"]
    if len(chosen) > 1:
        raise ValueError(f"it names {len(chosen)} classes, wanted one")
    return str(chosen[0]) if chosen else None


def _box(one: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Return a rectangle, given in percent and perhaps turned, as an upright box in pixels inside the image."""
    (height, width), value = size, one["value"]
    x, y = value["x"] * width / 100, value["y"] * height / 100
    wide, high = value["width"] * width / 100, value["height"] * height / 100
    turn = math.radians(value.get("rotation") or 0)
    cos, sin = math.cos(turn), math.sin(turn)
    corners = [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((0, 0), (wide, 0), (0, high), (wide, high))]
    left, right = (min(max(edge, 0.0), float(width)) for edge in (min(c[0] for c in corners), max(c[0] for c in corners)))
    top, bottom = (min(max(edge, 0.0), float(height)) for edge in (min(c[1] for c in corners), max(c[1] for c in corners)))
    box = [round(number, DIGITS) for number in (left, top, right - left, bottom - top)]
    if not all(map(math.isfinite, box)):
        raise ValueError("a box has places that are not finite")
    return {"box": box, "class": str(_one(value["rectanglelabels"]))}


def _mask(one: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    value = one["value"]
    if one["type"] == "brushlabels":
        if value.get("format", "rle") != "rle":
            raise ValueError(f"a mask of format {value.get('format')!r} is not known")
        mask = masks.from_brush(value["rle"], height, width)
        return {"class": str(_one(value["brushlabels"])), "counts": masks.to_counts(mask)}
    points = [(x * width / 100, y * height / 100) for x, y in value["points"]]
    return {"class": str(_one(value["polygonlabels"])), "counts": masks.to_counts(masks.from_polygon(points, height, width))}


def _span(one: dict[str, Any], text: str) -> dict[str, Any]:
    """Return a span in characters; browsers count characters above U+FFFF twice, and the marked text tells which it is."""
    value = one["value"]
    start, end = int(value["start"]), int(value["end"])
    marked = value.get("text")
    if marked is not None and text[start:end] != marked:
        units = text.encode("utf-16-le")
        try:
            before, inside = units[: 2 * start].decode("utf-16-le"), units[2 * start : 2 * end].decode("utf-16-le")
        except UnicodeDecodeError as cause:
            raise ValueError("a span begins or ends inside of a character") from cause
        if inside != marked:
            raise ValueError(f"the span {start} to {end} is not the text that was marked")
        start, end = len(before), len(before) + len(inside)
    if not 0 <= start < end <= len(text):
        raise ValueError(f"the span {start} to {end} reaches out of the text of {len(text)} characters")
    return {"class": str(_one(value["labels"])), "end": end, "start": start}


def _one(names: list[str]) -> str:
    if len(names) != 1:
        raise ValueError(f"a region has {len(names)} classes, wanted one")
    return names[0]


def _as_span(one: dict[str, Any]) -> dict[str, Any]:
    return {"class": ANSWER, "start": one["start"], "end": one["start"] + len(one["text"])}


def _as_labels(one: dict[str, Any], text: str) -> dict[str, Any]:
    return {"start": one["start"], "end": one["end"], "text": text[one["start"] : one["end"]], "labels": [one["class"]]}


def _as_box(one: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    x, y, wide, high = one["box"]
    places = {"x": 100 * x / width, "y": 100 * y / height, "width": 100 * wide / width, "height": 100 * high / height}
    return {**places, "rotation": 0, "rectanglelabels": [one["class"]]}


def _as_brush(one: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    rle = masks.to_brush(masks.from_counts(one["counts"], height, width))
    return {"format": "rle", "rle": rle, "brushlabels": [one["class"]]}
