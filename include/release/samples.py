"""Contents to try a release with: real ones as callers and the model server take them, and made-up ones of the right form.

Made-up contents serve where no data may be read: a deployment in the ops zone, a rollback, checks of code alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.content import ArrayContent, AudioContent, Column, ImageContent, TableContent, TextContent, VideoContent
from include.release.errors import ReleaseError

if TYPE_CHECKING:
    import numpy as np

TEXTS = (
    "안녕하세요, 주문한 상품이 아직 오지 않았습니다. 언제 도착하나요?",
    "Where is my parcel? Order 4711, sent on Monday.",
    "두 줄로 된 글\nwith two scripts, digits 0123 and signs: %, &, #, 😀",
    "x",
)
MOMENT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def encoded(contents: Any, project: Project) -> list[bytes]:
    """Return items of a part, as `include.data.load_part` gives them, as the bytes that rounds hold.

    Raises:
        ValueError: one is no item of the project.
    """
    from include.data import forms

    form = project.data.content
    if isinstance(form, TableContent):
        return [forms.dump_row(row, form) for row in contents.to_dict("records")]
    return [forms.encode(content, form) for content in contents]


def tensor(contents: Any, project: Project) -> np.ndarray:
    """Return items of a part as the model server's input: numbers (n, *shape), or objects of bytes (n, 1)."""
    import numpy as np

    from include.release.inference_code import tensor_of

    if isinstance(project.data.content, ArrayContent):
        wanted = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64}[tensor_of(project)[0]]
        return np.ascontiguousarray(contents, dtype=wanted)
    return packed(encoded(contents, project))


def packed(contents: Sequence[bytes]) -> np.ndarray:
    """Return the bytes of n items as the model server's input, objects (n, 1)."""
    import numpy as np

    found = np.empty((len(contents), 1), dtype=object)
    found[:, 0] = contents
    return found


def rows(contents: Any, project: Project) -> list[Any]:
    """Return items of a part as callers send them: lists of numbers, texts, objects with columns, base64 of files."""
    form = project.data.content
    if isinstance(form, ArrayContent):
        return [content.tolist() for content in contents]
    found = encoded(contents, project)
    if isinstance(form, TableContent):
        return [json.loads(content) for content in found]
    if isinstance(form, TextContent):
        return [content.decode() for content in found]
    return [base64.b64encode(content).decode() for content in found]


def made_up(project: Project, count: int = 8) -> np.ndarray:
    """Return contents of the project's form as the model server's input: the least, the greatest, and others between.

    Rows of a table lack values only where the project says that some may be missing.
    """
    import numpy as np

    form = project.data.content
    if isinstance(form, ArrayContent):
        low, high = form.range
        made = np.random.default_rng(0).uniform(low, high, (count, *form.shape))
        made[0], made[1] = low, high
        return tensor(made if form.dtype.startswith("float") else np.round(made), project)
    if isinstance(form, TextContent):
        return packed([text.encode() for text in _texts(form, count)])
    if isinstance(form, TableContent):
        from include.data import forms

        made_rows = [{name: _value(column, place, count) for name, column in form.columns.items()} for place in range(count)]
        return packed([forms.dump_row(row, form) for row in made_rows])
    return packed([_file(form, place) for place in range(count)])


def _texts(form: TextContent, count: int) -> list[str]:
    found = [TEXTS[place % len(TEXTS)] for place in range(count)]
    long = " ".join(TEXTS[:3]) * (min(form.max_chars, 2000) // 100 + 1)
    found[-1] = long
    return [
        (text * (form.min_chars // max(len(text), 1) + 1))[: form.max_chars]
        if form.min_chars > len(text)
        else text[: form.max_chars]
        for text in found
    ]


def _value(column: Column, place: int, count: int) -> Any:
    if column.max_missing and place == count - 1:
        return None
    share = (0.0, 1.0, 0.5)[place] if place < 3 else place / count
    if column.type in ("number", "integer"):
        low, high = column.range or (0.0, 1.0 if column.type == "number" else 10.0)
        value = low + (high - low) * share
        return value if column.type == "number" else int(min(max(round(value), -(-low // 1)), high // 1))
    if column.type == "boolean":
        return bool(place % 2)
    if column.type == "time":
        return (MOMENT + timedelta(hours=place)).isoformat()
    if column.type == "category":
        choices = column.choices or ["가", "b", "c"]
        return choices[place % len(choices)]
    return TEXTS[place % len(TEXTS)]


def _file(form: ImageContent | AudioContent | VideoContent, place: int) -> bytes:
    if not isinstance(form, ImageContent):
        raise ReleaseError(form.kind, ["no release of it can be made: the model server takes arrays, texts, tables and images"])
    import io

    import numpy as np
    from PIL import Image

    side = min(max(form.min_side, 32), form.max_side)
    pixels = np.random.default_rng(place).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form.formats[0].upper())
    return file.getvalue()
