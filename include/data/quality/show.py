"""Items as people see them: thumbnails, texts, rows; never a value that is personal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import orjson
from markupsafe import Markup

from include.data import media
from include.data.quality.plots import grid
from include.data.quality.samples import Sample
from include.projects import Project
from include.projects.content import AudioContent, TableContent, TextContent
from include.reports import image, table

SIDE = 96
CHARS = 400
CELL = 80
HIDDEN = "(hidden)"


def gallery(samples: Sequence[Sample], project: Project, hidden: Collection[str]) -> Markup:
    """Return samples as HTML: pictures side by side, or a table of texts, rows or keys."""
    form = project.data.content
    if isinstance(form, TableContent):
        names = [name for name in form.columns if name not in hidden]
        return table(["key", "label", *names], [[*_about(one), *_row(one, names)] for one in samples])
    if isinstance(form, TextContent):
        return table(["key", "label", "text"], [[*_about(one), excerpt(one.content)] for one in samples])
    pictures = [(one, thumbnail(one, project)) for one in samples]
    if any(png for _, png in pictures):
        return grid([image(png, _caption(one)) for one, png in pictures if png], SIDE + 20)
    return table(["key", "label", "bytes"], [[*_about(one), len(one.content)] for one in samples])


def thumbnail(sample: Sample, project: Project, side: int = SIDE) -> bytes | None:
    """Return a picture of an item as PNG; None where it has none."""
    if isinstance(project.data.content, TextContent | TableContent | AudioContent):
        return None
    with suppress(media.MediaError, ValueError):  # what is damaged is told by its check
        return media.thumbnail(sample.content, project.data.content, side)
    return None


def excerpt(content: bytes, chars: int = CHARS) -> str:
    """Return the beginning of a text."""
    text = content[: 4 * chars + 4].decode(errors="replace")
    return text[:chars] + ("…" if len(text) > chars else "")


def _row(sample: Sample, names: Sequence[str]) -> list[Any]:
    try:
        row = orjson.loads(sample.content)
    except ValueError:
        row = {}
    said = row if isinstance(row, dict) else {}
    return [value[:CELL] if isinstance(value := said.get(name), str) else value for name in names]


def _about(sample: Sample) -> list[str]:
    return [sample.key[:CELL], (sample.label or "")[:CELL]]


def _caption(sample: Sample) -> str:
    return " · ".join(one for one in _about(sample) if one)
