"""COCO: one JSON file with images, categories, and boxes or masks; for detection and instance segmentation."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from include.data import labels
from include.data.labelling import masks
from include.data.labelling.formats.base import (
    Entry,
    Files,
    LabelFileError,
    Sample,
    Target,
    Targets,
    extension,
    inside_box,
    shown,
)
from include.projects import Project


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what the file says about its images; one without annotations has nothing in it.

    Raises:
        LabelFileError: it is no COCO file, names unknown images or classes, or has places outside of an image.
    """
    name = files.one(".json")
    where = files.where(name)
    try:
        document = orjson.loads(files.bytes(name))
        categories = {one["id"]: str(one["name"]) for one in document["categories"]}
        images = {one["id"]: one for one in document["images"]}
        by_image: defaultdict[Any, list[Any]] = defaultdict(list)
        for one in document["annotations"]:
            by_image[one["image_id"]].append(one)
    except (ValueError, KeyError, TypeError) as cause:
        raise LabelFileError(where, f"it is no COCO file: {cause!r:.120}", "It needs images, categories, annotations") from cause
    if lost := by_image.keys() - images.keys():
        raise LabelFileError(where, f"annotations name image {min(map(str, lost))}, which is none", "Export it anew")
    for number, image in images.items():
        target = targets.find(str(image.get("file_name", "")), where)
        try:
            yield Entry(target.item_id, _label(image, by_image[number], categories, project, target))
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as cause:
            problem = f"image {shown(str(image['file_name']))}: {cause if isinstance(cause, ValueError) else repr(cause)[:120]}"
            raise LabelFileError(where, problem, "Correct the annotation, then import the file again") from cause


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write ``annotations.json`` and the images; return what was written."""
    images: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    numbers = {name: place for place, name in enumerate(project.classes, 1)}
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for sample in samples:
        height, width = sample.about
        file = f"{sample.item_id}.{extension(sample.content)}"
        (folder / "images" / file).write_bytes(sample.content)
        images.append({"id": len(images) + 1, "file_name": file, "height": height, "width": width, "source_key": sample.key})
        value = labels.load(sample.label)
        for one in value if project.task == "detection" else value["masks"]:
            base = {"id": len(found) + 1, "image_id": len(images), "category_id": numbers[one["class"]], "iscrowd": 0}
            found.append({**base, **_annotation(one, height, width)})
    categories = [{"id": place, "name": name, "supercategory": ""} for name, place in numbers.items()]
    document = {"info": {"description": project.title}, "images": images, "categories": categories, "annotations": found}
    (folder / "annotations.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return ["annotations.json", *(f"images/{one['file_name']}" for one in images)]


def _annotation(one: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    if "box" in one:
        x, y, wide, high = one["box"]
        corners = [x, y, x + wide, y, x + wide, y + high, x, y + high]
        return {"bbox": one["box"], "area": wide * high, "segmentation": [corners]}
    mask = masks.from_counts(one["counts"], height, width)
    area = int(mask.sum())
    return {"bbox": masks.box_of(mask), "area": area, "segmentation": {"counts": one["counts"], "size": [height, width]}}


def _label(image: dict[str, Any], found: list[Any], categories: dict[Any, str], project: Project, target: Target) -> str:
    height, width = target.about
    if (image.get("height", height), image.get("width", width)) != (height, width):
        said = f"{image.get('width')} x {image.get('height')}"
        raise ValueError(f"it says {said} pixels, and the item has {width} x {height}")
    if project.task == "detection":
        boxes = [_box(one, categories, height, width) for one in found]
        label = labels.dump(sorted(boxes, key=labels.dump))
    else:
        drawn = [{"class": categories[one["category_id"]], "counts": _counts(one, height, width)} for one in found]
        label = labels.dump({"masks": sorted(drawn, key=labels.dump), "size": [height, width]})
    if problem := labels.problem(label, project, target.about):
        raise ValueError(problem)
    return label


def _box(one: dict[str, Any], categories: dict[Any, str], height: int, width: int) -> dict[str, Any]:
    box = [float(number) for number in one["bbox"]]
    if len(box) != 4:
        raise ValueError(f"a box has {len(box)} numbers, wanted x, y, width, height")
    return {"box": inside_box(box, height, width), "class": categories[one["category_id"]]}


def _counts(one: dict[str, Any], height: int, width: int) -> list[int]:
    shape = one["segmentation"]
    if isinstance(shape, list):
        import numpy as np

        whole = np.zeros((height, width), dtype=bool)
        for polygon in shape:
            whole |= masks.from_polygon(list(zip(polygon[::2], polygon[1::2], strict=True)), height, width)
        return masks.to_counts(whole)
    counts = shape["counts"]
    if list(shape["size"]) != [height, width]:
        raise ValueError(f"a mask is for {shape['size']} pixels, and the image has [{height}, {width}]")
    return masks.to_counts(masks.from_counts(_unpacked(counts) if isinstance(counts, str) else counts, height, width))


def _unpacked(text: str) -> list[int]:
    """Return the run lengths that COCO's tools write as text: 5 bits a character, from the third on as differences."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            if place >= len(text):
                raise ValueError("the text of a mask is cut off")
            bits = ord(text[place]) - 48
            if not 0 <= bits < 64:
                raise ValueError("the text of a mask holds characters that are none of it")
            value |= (bits & 0x1F) << 5 * shift
            more = bool(bits & 0x20)
            place, shift = place + 1, shift + 1
            if not more and bits & 0x10:
                value |= -1 << 5 * shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts
