"""Pascal VOC: an XML file an image with boxes (detection), or PNG masks whose pixels are class numbers (segmentation).

Corners count from 1 and belong to their box, as in VOC's own files; so a box of 0-based tools is a pixel off, which is
cut to the image.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from include.data import labels
from include.data.labelling import masks
from include.data.labelling.formats.base import Entry, Files, LabelFileError, Sample, Targets, extension, inside_box
from include.projects import Project

if TYPE_CHECKING:
    import numpy as np

VOID = 255  # pixels at edges that belong to no class
MAX_CLASSES = 254


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what ``Annotations/*.xml`` or ``SegmentationClass/*.png`` say.

    Raises:
        LabelFileError: a file is damaged, or names an unknown image or class, or a place outside.
    """
    return _boxes(files, project, targets) if project.task == "detection" else _masks(files, project, targets)


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write images and annotations in VOC's folders; return what was written."""
    if len(project.classes) > MAX_CLASSES and project.task == "segmentation":
        advice = "Export COCO instead"
        raise LabelFileError("Pascal VOC", f"its masks have room for {MAX_CLASSES} classes, not {len(project.classes)}", advice)
    written = []
    for sample in samples:
        image = f"JPEGImages/{sample.item_id}.{extension(sample.content)}"
        for name, content in {image: sample.content, **_files(sample, project, image)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            written.append(name)
    lines = ["background:0,0,0::\n", *(f"{name}:{','.join(map(str, _colour(n)))}::\n" for n, name in _numbered(project))]
    (folder / "labelmap.txt").write_text("".join(lines), encoding="utf-8")
    return [*written, "labelmap.txt"]


def _files(sample: Sample, project: Project, image: str) -> dict[str, bytes]:
    height, width = sample.about
    value = labels.load(sample.label)
    if project.task == "detection":
        return {f"Annotations/{sample.item_id}.xml": _xml(value, image, height, width)}
    import numpy as np

    classes, objects = np.zeros((2, height, width), dtype=np.uint8)
    numbers = {name: n for n, name in _numbered(project)}
    for place, one in enumerate(value["masks"], 1):
        if place >= VOID:
            raise LabelFileError(sample.item_id, f"it has more than {VOID - 1} masks", "Export COCO instead")
        mask = masks.from_counts(one["counts"], height, width)
        if (objects[mask] > 0).any():
            problem = "its masks overlap, which Pascal VOC cannot say"
            raise LabelFileError(f"item {sample.item_id} ({sample.key[:80]})", problem, "Export COCO instead")
        classes[mask], objects[mask] = numbers[one["class"]], place
    return {
        f"SegmentationClass/{sample.item_id}.png": _png(classes),
        f"SegmentationObject/{sample.item_id}.png": _png(objects),
    }


def _xml(value: list[Any], image: str, height: int, width: int) -> bytes:
    root = ElementTree.Element("annotation")
    folder, _, file = image.partition("/")
    for name, text in (("folder", folder), ("filename", file)):
        ElementTree.SubElement(root, name).text = text
    size = ElementTree.SubElement(root, "size")
    for name, number in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(number)
    for one in value:
        part = ElementTree.SubElement(root, "object")
        for name, text in (("name", one["class"]), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            ElementTree.SubElement(part, name).text = text
        box = ElementTree.SubElement(part, "bndbox")
        x, y, wide, high = one["box"]
        for name, place in (("xmin", x + 1), ("ymin", y + 1), ("xmax", x + wide), ("ymax", y + high)):
            ElementTree.SubElement(box, name).text = f"{place:g}" if place == int(place) else repr(round(place, 6))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _boxes(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    import defusedxml
    from defusedxml.ElementTree import fromstring

    for name in files.names(".xml", "Annotations") or files.names(".xml"):
        where = files.where(name)
        try:
            root = fromstring(files.bytes(name))
        except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError) as cause:
            raise LabelFileError(where, f"it is no plain XML: {str(cause)[:120]}", "Export it anew") from cause
        target = targets.find(root.findtext("filename") or PurePosixPath(name).stem, where)
        height, width = target.about
        try:
            found = [_box(one, height, width) for one in root.iter("object")]
            label = labels.dump(sorted(found, key=labels.dump))
            problem = labels.problem(label, project, target.about)
        except (ValueError, TypeError, OverflowError) as cause:
            problem = f"an object has no proper name and bndbox: {str(cause)[:120]}"
        if problem:
            raise LabelFileError(where, problem, "Correct it, then import the files again")
        yield Entry(target.item_id, label)


def _box(one: Any, height: int, width: int) -> dict[str, Any]:
    left, top, right, bottom = (float(one.findtext(f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax"))
    box = inside_box([left - 1, top - 1, right - left + 1, bottom - top + 1], height, width)
    return {"box": [round(number, 3) for number in box], "class": (one.findtext("name") or "").strip()}


def _masks(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    import numpy as np

    names = _names(files, project)
    objects = {PurePosixPath(name).name: name for name in files.names(".png", "SegmentationObject")}
    for name in files.names(".png", "SegmentationClass"):
        where = files.where(name)
        target = targets.find(name, where)
        height, width = target.about
        classes = _pixels(files, name, height, width)
        other = objects.get(PurePosixPath(name).name)
        instances = _pixels(files, other, height, width) if other else classes
        drawn = []
        for place in np.unique(instances):
            if place in (0, VOID):
                continue
            mask = (instances == place) & (classes != VOID)
            number = int(np.bincount(classes[mask]).argmax()) if mask.any() else 0
            if number not in names:
                problem = f"pixels have the class number {number}, and there are {sorted(names)}"
                raise LabelFileError(where, problem, "Add labelmap.txt with the classes in the order of their numbers")
            drawn.append({"class": names[number], "counts": masks.to_counts(mask)})
        label = labels.dump({"masks": sorted(drawn, key=labels.dump), "size": [height, width]})
        if problem := labels.problem(label, project, target.about) or "":
            raise LabelFileError(where, problem, "Correct it, then import the files again")
        yield Entry(target.item_id, label)


def _names(files: Files, project: Project) -> dict[int, str]:
    for name in files.names("labelmap.txt"):
        lines = [line for line in files.text(name).splitlines() if line.strip() and not line.startswith("#")]
        return {place: line.rsplit(":", 3)[0] for place, line in enumerate(lines) if place}
    return dict(_numbered(project))


def _numbered(project: Project) -> list[tuple[int, str]]:
    return list(enumerate(project.classes, 1))


def _pixels(files: Files, name: str, height: int, width: int) -> np.ndarray:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(files.bytes(name)), formats=["PNG"]) as image:
            if image.size != (width, height):
                raise ValueError(f"it has {image.width} x {image.height} pixels, and the item {width} x {height}")
            if image.mode not in ("P", "L"):
                raise ValueError(f"its pixels are {image.mode}, wanted class numbers (a palette, or grey)")
            return np.asarray(image, dtype=np.uint8)
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as cause:
        raise LabelFileError(files.where(name), f"it is no mask: {str(cause)[:120]}", "Export it anew") from cause


def _png(values: np.ndarray) -> bytes:
    from PIL import Image

    image = Image.fromarray(values)
    image.putpalette([part for number in range(256) for part in _colour(number)])
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def _colour(number: int) -> tuple[int, int, int]:
    """Return the colour that VOC gives a class number: its bits, spread over red, green and blue."""
    found = [0, 0, 0]
    for place in range(8):
        for part in range(3):
            found[part] |= ((number >> part) & 1) << (7 - place)
        number >>= 3
    return found[0], found[1], found[2]
