"""YOLO: a text file an image, a line a box, all places as shares of the image; for detection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from include.data import labels
from include.data.labelling.formats.base import Entry, Files, LabelFileError, Sample, Targets, extension, inside_box
from include.projects import Project

NOT_LABELS = ("classes.txt", "train.txt", "val.txt", "test.txt", "obj.names")
DIGITS = 3  # of a pixel: shares are written with few digits


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what the text files under ``labels/`` (or anywhere, where there is no such folder) say.

    Classes are named by ``data.yaml``, ``classes.txt`` or ``obj.names``; without these, by project.yaml in its order.

    Raises:
        LabelFileError: a line is no box, or names an unknown image or class.
    """
    classes = _classes(files) or project.classes
    found = files.names(".txt", "labels") or files.names(".txt")
    for name in found:
        if PurePosixPath(name).name in NOT_LABELS:
            continue
        target = targets.find(name, files.where(name))
        boxes = []
        for number, line in enumerate(files.text(name).splitlines(), 1):
            if line.strip():
                try:
                    boxes.append(_box(line.split(), classes, *target.about))
                except (ValueError, OverflowError) as cause:
                    advice = "A line is: class x y width height, places as shares of the image, x and y of the middle"
                    raise LabelFileError(files.where(name, number), f"it is no box: {str(cause)[:120]}", advice) from cause
        try:
            label = labels.dump(sorted(boxes, key=labels.dump))
            problem = labels.problem(label, project, target.about)
        except ValueError:
            problem = "a place is not finite"
        if problem:
            raise LabelFileError(files.where(name), problem, "Correct it, then import the files again")
        yield Entry(target.item_id, label)


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write ``images/``, ``labels/``, ``data.yaml`` and ``classes.txt``; return what was written."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    written = []
    index = {name: place for place, name in enumerate(project.classes)}
    for sample in samples:
        height, width = sample.about
        image = f"images/{sample.item_id}.{extension(sample.content)}"
        (folder / image).write_bytes(sample.content)
        lines = []
        for one in labels.load(sample.label):
            x, y, wide, high = one["box"]
            shares = ((x + wide / 2) / width, (y + high / 2) / height, wide / width, high / height)
            lines.append(" ".join([str(index[one["class"]]), *(f"{share:.10f}" for share in shares)]))
        (folder / f"labels/{sample.item_id}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        written += [image, f"labels/{sample.item_id}.txt"]
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in project.classes), encoding="utf-8")
    document = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(project.classes))}
    (folder / "data.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return [*written, "classes.txt", "data.yaml"]


def _box(fields: list[str], classes: list[str], height: int, width: int) -> dict[str, Any]:
    if len(fields) not in (5, 6):  # models add how sure they are
        raise ValueError(f"it has {len(fields)} fields, wanted 5")
    place = int(fields[0])
    if not 0 <= place < len(classes):
        raise ValueError(f"class {place} is none of {len(classes)}")
    x, y, wide, high = (float(one) for one in fields[1:5])
    box = [(x - wide / 2) * width, (y - high / 2) * height, wide * width, high * height]
    return {"box": [round(one, DIGITS) for one in inside_box(box, height, width)], "class": classes[place]}


def _classes(files: Files) -> list[str] | None:
    for name in files.names(".yaml") + files.names(".yml"):
        try:
            names = (yaml.safe_load(files.text(name)) or {}).get("names")
        except (yaml.YAMLError, AttributeError) as cause:
            raise LabelFileError(files.where(name), "it is no YAML with names", "Correct it") from cause
        if isinstance(names, dict):
            if sorted(names) != list(range(len(names))):
                problem = f"names counts {json.dumps(sorted(map(str, names)))[:80]}, wanted 0, 1, 2, ..."
                raise LabelFileError(files.where(name), problem, "Correct it")
            return [str(names[place]) for place in range(len(names))]
        if isinstance(names, list):
            return [str(one) for one in names]
    for name in files.names("classes.txt") + files.names("obj.names"):
        return [line.strip() for line in files.text(name).splitlines() if line.strip()]
    return None
