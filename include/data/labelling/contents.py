"""Items as Label Studio shows them: pictures, curves, texts, rows, sound and video."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any

from include.data import forms, media
from include.data.labelling.interfaces import channels, view
from include.projects import Project
from include.projects.content import TableContent

INLINE = 256 << 10  # bytes of a file that is put into the task; a larger one is uploaded beside it
SIDE = 512  # pixels of the picture made of an array

MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp", b"RIFF": "image/webp"}
MEDIA = {"image": "image/png", "audio": "audio/mpeg", "video": "video/mp4"}
SUFFIX = {"image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/wav": "wav"}

Upload = Callable[[str, bytes, str], str]
"""Takes a file's name, bytes and type, keeps it where people can see it, and returns its address."""


def task_data(item_id: str, content: bytes, project: Project, upload: Upload) -> dict[str, Any]:
    """Return the ``data`` of an item's task.

    Args:
        item_id: names an uploaded file.
        content: the item's bytes.
        project: how it is shown.
        upload: where large files go.
    """
    shown, form = view(project), project.data.content
    if shown == "text":
        return {"text": content.decode()}
    if shown == "context":
        row = forms.load_row(content)
        return {"text": row["context"] or "", "question": row["question"] or ""}
    if shown == "row":
        return {"html": _table(content, project)}
    if shown == "series":
        return {"series": _series(content, project)}
    if form.kind == "array":
        content = media.thumbnail(content, form, SIDE)
    mime = _mime(content, shown)
    if len(content) > INLINE:
        return {shown: upload(f"{item_id[:16]}.{SUFFIX.get(mime, mime.partition('/')[2])}", content, mime)}
    return {shown: f"data:{mime};base64,{base64.b64encode(content).decode()}"}


def about(content: bytes, project: Project) -> Any:
    """Return what labels of an item lie in, as `include.data.labels.problem` asks for it.

    Returns:
        (height, width) of an image for detection and segmentation, the text for tagging, the row for question
        answering; None for the other tasks.

    Raises:
        ValueError: the content cannot be read.
    """
    if project.task in ("detection", "segmentation"):
        found = media.describe(content, project.data.content)
        return found["height"], found["width"]
    if project.task == "tagging":
        return content.decode()
    return forms.load_row(content) if project.task == "question_answering" else None


def _mime(content: bytes, shown: str) -> str:
    if shown == "image":
        return next((mime for begin, mime in MIME.items() if content.startswith(begin)), MEDIA["image"])
    if shown == "audio" and content.startswith(b"RIFF"):
        return "audio/wav"
    return MEDIA[shown]


def _series(content: bytes, project: Project) -> dict[str, list[float | None]]:
    import numpy as np

    values = forms.decode([content], project.data.content)[0].astype(np.float64).reshape(-1, channels(project))
    curves = {f"c{n}": [float(v) if np.isfinite(v) else None for v in values[:, n]] for n in range(values.shape[1])}
    return {"t": list(range(len(values))), **curves}


def _table(content: bytes, project: Project) -> str:
    """Return a row as an HTML table; what tells about a person is not shown."""
    form, row = project.data.content, forms.load_row(content)
    assert isinstance(form, TableContent)
    lines = (
        f"<tr><th align='left'>{html.escape(name)}</th><td>{html.escape('' if row[name] is None else str(row[name]))}</td></tr>"
        for name, column in form.columns.items()
        if not column.personal
    )
    return f"<table>{''.join(lines)}</table>"
