"""The built-in steps of refining. A step takes a table of items and its form, and gives items.

A project's own step is ``module:function`` with the same shape::

    def without_blank(table, form, *, least=1):
        for item in table:          # may be gone through more than once
            if any(item.content[:least]):
                yield item
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from include.data import forms
from include.data.errors import RefineError
from include.data.items import Item, Table, item_id
from include.projects.content import Content, ImageContent, TableContent, TextContent

Step = Callable[..., Iterator[Item]]
QUARTILES = (0.25, 0.75)
PLACES = ('[{"box":', '{"masks":')  # how labels of detection and segmentation begin


def drop_duplicates(table: Table, form: Content) -> Iterator[Item]:
    """Keep the first item of each content."""
    seen: set[bytes] = set()
    for item in table:
        one = bytes.fromhex(item_id(item.content, form))
        if one not in seen:
            seen.add(one)
            yield item


def drop_unlabelled(table: Table, form: Content) -> Iterator[Item]:
    """Keep what has a label."""
    return (item for item in table if item.label is not None)


def drop_missing(table: Table, form: Content, *, columns: Sequence[str]) -> Iterator[Item]:
    """Keep the rows of a table that have a value in each of some columns."""
    _columns(form, columns, "drop_missing")
    return (item for item in table if all(forms.load_row(item.content)[name] is not None for name in columns))


def fill_missing(table: Table, form: Content, *, values: dict[str, Any]) -> Iterator[Item]:
    """Put a value where a column has none."""
    declared = _columns(form, list(values), "fill_missing")
    for item in table:
        row = forms.load_row(item.content)
        filled = {name: value for name, value in values.items() if row[name] is None}
        yield replace(item, content=forms.dump_row({**row, **filled}, declared)) if filled else item


def drop_outliers(table: Table, form: Content, *, columns: Sequence[str], width: float = 3.0) -> Iterator[Item]:
    """Keep rows whose values lie within ``width`` interquartile ranges of the quartiles of their column (Tukey's fences)."""
    import numpy as np

    declared = _columns(form, columns, "drop_outliers")
    for name in columns:
        if declared.columns[name].type not in ("number", "integer"):
            raise RefineError("step drop_outliers", f"the column {name} holds no numbers", "Name columns of numbers")
    values: dict[str, list[float]] = {name: [] for name in columns}
    for item in table:
        row = forms.load_row(item.content)
        for name in columns:
            if row[name] is not None:
                values[name].append(row[name])
    fences = {}
    for name, found in values.items():
        low, high = np.quantile(found, QUARTILES) if found else (0.0, 0.0)
        fences[name] = (low - width * (high - low), high + width * (high - low))
    for item in table:
        row = forms.load_row(item.content)
        if all(row[name] is None or low <= row[name] <= high for name, (low, high) in fences.items()):
            yield item


def normalise_text(table: Table, form: Content, *, lower: bool = False, form_c: bool = True) -> Iterator[Item]:
    """Bring texts into Unicode's composed form (Hangul from different systems becomes equal), with plain white space."""
    if not isinstance(form, TextContent):
        raise RefineError("step normalise_text", f"items are of kind {form.kind}", "It is for content of kind text")
    for item in table:
        said = item.content.decode()
        said = " ".join((unicodedata.normalize("NFC", said) if form_c else said).split())
        said = said.lower() if lower else said
        if len(said) >= form.min_chars:
            yield replace(item, content=said.encode())


def resize_images(table: Table, form: Content, *, width: int, height: int) -> Iterator[Item]:
    """Bring images to one size, written upright as PNG without metadata; not for labels that tell places in pixels."""
    import io

    from PIL import Image, ImageOps

    if not isinstance(form, ImageContent):
        raise RefineError("step resize_images", f"items are of kind {form.kind}", "It is for content of kind image")
    if "png" not in form.formats:
        raise RefineError("step resize_images", "data.content.formats has no png", "Add png: that is what it writes")
    for item in table:
        if item.label and item.label.startswith(PLACES):
            raise RefineError("step resize_images", f"the label of {item.key} tells places in pixels", "Leave this step out")
        with Image.open(io.BytesIO(item.content)) as image:
            mode = "L" if image.mode in ("1", "L", "I;16") else "RGB"
            sink = io.BytesIO()
            ImageOps.exif_transpose(image).convert(mode).resize((width, height), Image.Resampling.LANCZOS).save(
                sink, "png", optimize=False
            )
        yield replace(item, content=sink.getvalue())


def drop_groups(table: Table, form: Content, *, groups: Sequence[str]) -> Iterator[Item]:
    """Leave out the items of some groups, such as a person who withdrew consent."""
    out = set(groups)
    return (item for item in table if item.group not in out)


def _columns(form: Content, columns: Sequence[str], step: str) -> TableContent:
    if not isinstance(form, TableContent):
        raise RefineError(f"step {step}", f"items are of kind {form.kind}", "It is for content of kind table")
    if unknown := [name for name in columns if name not in form.columns]:
        raise RefineError(f"step {step}", f"there is no column {', '.join(unknown)}", f"Columns are {', '.join(form.columns)}")
    return form


STEPS: dict[str, Step] = {
    run.__name__: run
    for run in (
        drop_duplicates,
        drop_groups,
        drop_missing,
        drop_outliers,
        drop_unlabelled,
        fill_missing,
        normalise_text,
        resize_images,
    )
}
