"""Pictures in a profile: contact sheets of each class, mean and deviation, sizes, brightness and contrast."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.data.clips import MediaError
from include.data.labels import names
from include.data.media import describe, thumbnail
from include.explore.book import Book, drawn, panels
from include.explore.measuring import LOOKED_AT, Measures
from include.projects import Project
from include.projects.content import ArrayContent, Content, ImageContent
from include.reports import bars, image

if TYPE_CHECKING:
    import numpy as np

    from include.explore.reading import Drawn

SIDE, ACROSS, CLASSES = 64, 14, 20  # pixels of a picture of a sheet; pictures of a class; classes
MEAN_SIDE = 64


def measure(form: Content, contents: Any) -> Measures:
    """Take the figures of pictures: brightness and contrast, 0 to 1; of files also width, height, mode and size.

    Points are looked at of the first `LOOKED_AT` files of the sample; of arrays, of all.
    """
    import pandas as pd

    if isinstance(form, ArrayContent):
        flat = _scaled(contents, form).reshape(len(contents), -1)
        frame = pd.DataFrame({"brightness": flat.mean(1), "contrast": flat.std(1)} if len(flat) else {}, dtype=float)
        return Measures(frame.reindex(columns=["brightness", "contrast"]), {"brightness": "number", "contrast": "number"})
    assert isinstance(form, ImageContent)
    rows: list[dict[str, Any]] = []
    stacked = []
    for place, content in enumerate(contents):
        about = describe(content, form)
        row = {"width": about["width"], "height": about["height"], "bytes": len(content), "mode": about["mode"]}
        row |= {"format": about["format"], "sides": round(about["width"] / about["height"], 3)}
        if place < LOOKED_AT:
            points = _points(content)
            row |= {"brightness": points.mean(), "contrast": points.mean(2).std()}
            stacked.append(points)
        rows.append(row)
    types = {"width": "integer", "height": "integer", "bytes": "integer", "sides": "number", "brightness": "number"}
    types |= {"contrast": "number", "mode": "category", "format": "category"}
    return Measures(pd.DataFrame(rows, columns=list(types)), types, more={"points": stacked})


def tell(book: Book, project: Project, sample: Drawn, measures: Measures) -> None:
    """Write the sections about pictures."""
    form = project.data.content
    if isinstance(form, ImageContent):
        frame = measures.frame
        sizes = Counter(f"{width:g} x {height:g}" for width, height in zip(frame["width"], frame["height"], strict=True))
        book.add(
            "Sizes and modes",
            "Most frequent sizes in pixels:",
            bars(dict(sizes.most_common(10))),
            "Modes:",
            bars(dict(Counter(frame["mode"]).most_common())),
        )
    sheets(book, project, sample)
    if means := _means(form, sample.contents, measures):
        book.add("Mean picture", "Of the sample: the mean of each point, and how far points differ.", book.plot("mean", means))


def sheets(book: Book, project: Project, sample: Drawn) -> None:
    """Write the contact sheets: of each class the first items of the sample, which its seed has chosen."""
    by: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(sample.labels):
        for name in dict.fromkeys(names(label, project.task)) if label is not None else ["without label"]:
            by[name].append(place)
        if label is not None and not names(label, project.task):
            by["items"].append(place)
    order = [name for name in [*project.classes, "items", "without label"] if by.get(name)]
    pieces: list[str | Markup] = []
    for number, name in enumerate(order[:CLASSES]):
        made = sheet([_bytes(sample.contents[place]) for place in by[name][:ACROSS]], project.data.content)
        if made:
            book.plots[f"sheet_{number:02d}"] = made
            pieces.append(image(made, f"{name}: {len(by[name]):,} in the sample"))
    more = f"{len(order) - CLASSES} more classes are not shown." if len(order) > CLASSES else ""
    if pieces:
        book.add("Contact sheets", *pieces, more)


def sheet(contents: Sequence[bytes], form: Content, across: int = ACROSS, side: int = SIDE) -> bytes | None:
    """Return small pictures of items side by side as PNG; None where none can be shown."""
    from PIL import Image

    found = []
    for content in contents:
        try:
            found.append(Image.open(io.BytesIO(thumbnail(content, form, side))))
        except (MediaError, ValueError):
            continue
    if not found:
        return None
    rows = -(-len(found) // across)
    ground = Image.new("RGB", (min(len(found), across) * (side + 4), rows * (side + 4)), "white")
    for place, one in enumerate(found):
        ground.paste(one, (place % across * (side + 4) + (side - one.width) // 2, place // across * (side + 4)))
    sink = io.BytesIO()
    ground.save(sink, "PNG")
    return sink.getvalue()


def _bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else content.tobytes()


def _scaled(contents: Any, form: ArrayContent) -> np.ndarray:
    import numpy as np

    low, high = form.range
    return np.asarray((np.asarray(contents, dtype=np.float32) - low) / ((high - low) or 1.0))


def _points(content: bytes) -> np.ndarray:
    """Return an image as (side, side, 3), 0 to 1."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (2 * MEAN_SIDE, 2 * MEAN_SIDE))
        small = image.convert("RGB").resize((MEAN_SIDE, MEAN_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32) / 255


def _means(form: Content, contents: Any, measures: Measures) -> bytes | None:
    import numpy as np

    if isinstance(form, ArrayContent):
        stack = _scaled(contents, form)
        if stack.ndim == 4 and form.shape[0] in (1, 3, 4) and form.shape[-1] not in (1, 3, 4):
            stack = np.moveaxis(stack, 1, -1)
        if stack.ndim == 4 and stack.shape[-1] not in (1, 3):
            stack = stack.mean(-1)
    else:
        stack = np.array(measures.more["points"])
    if not len(stack):
        return None
    mean, deviation = stack.mean(0).squeeze(), stack.std(0).squeeze()
    with panels(2, 2, 3.2, 2.8) as (figure, axes):
        for one, (title, values) in zip(axes, (("mean", mean), ("standard deviation", deviation)), strict=True):
            shown = one.imshow(np.clip(values, 0, 1) if values.ndim == 3 else values, cmap="viridis", vmin=0)
            one.set(title=title, xticks=[], yticks=[])
            one.grid(False)
            if values.ndim == 2:
                figure.colorbar(shown, ax=one, shrink=0.8)
        return drawn(figure)
