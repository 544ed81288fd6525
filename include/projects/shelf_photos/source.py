"""The stores' side: a folder of PNG files a store, and the boxes of all of them in one COCO file beside the folders."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from include.projects.shelf_photos.scenes import HEIGHT, WIDTH, scene

TOTAL = 240
STORES = 12
CLASSES = ("can", "bottle", "carton")
ANNOTATIONS = "annotations.json"


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write pictures ``store-01/shelf-0001.png`` and so on that are not there yet, and ``annotations.json``.

    Args:
        folder: is made where it is missing.
        rows: which of the 240 pictures: a slice, the first so many, or None for all.
        seed: of the scenes; give one folder always the same.

    Returns:
        How many pictures were added; 0 the second time. The file has the boxes of all that are there.
    """
    folder, added = Path(folder), 0
    for place in range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]:
        path = folder / name(place)
        if path.is_file():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.part")
        picture(place, seed)[0].save(made, "png")
        # Whoever looks sees a whole picture or none.
        made.replace(path)
        added += 1
    there = [place for place in range(TOTAL) if (folder / name(place)).is_file()]
    made = folder / f".{ANNOTATIONS}.part"
    made.write_text(json.dumps(coco(there, seed)), encoding="utf-8")
    made.replace(folder / ANNOTATIONS)
    return added


def name(place: int) -> str:
    """Return the path of a picture below the folder."""
    return f"store-{place % STORES + 1:02d}/shelf-{place + 1:04d}.png"


def picture(place: int, seed: int = 0) -> tuple[Any, list[dict[str, Any]]]:
    """Return a picture as a PIL image, and its boxes as labels of detection have them."""
    return scene(random.Random(f"{seed}:{place}"), store=place % STORES)


def coco(places: list[int], seed: int = 0) -> dict[str, Any]:
    """Return the boxes of some pictures as a COCO document; ``file_name`` is the path below the folder."""
    images: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for place in places:
        images.append({"id": place + 1, "file_name": name(place), "width": WIDTH, "height": HEIGHT})
        for box in picture(place, seed)[1]:
            x, y, width, height = box["box"]
            about = {"id": len(found) + 1, "image_id": place + 1, "category_id": CLASSES.index(box["class"]) + 1}
            found.append({**about, "bbox": [x, y, width, height], "area": width * height, "iscrowd": 0})
    categories = [{"id": number, "name": one} for number, one in enumerate(CLASSES, 1)]
    return {"images": images, "annotations": found, "categories": categories}
