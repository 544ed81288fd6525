"""Measures: what a profile says of items as columns of a table, whatever their kind of content.

Rows of a table are their columns; of texts, pictures, sounds and windows some figures are taken. Distributions,
correlations, relations with the label and differences between versions are then told alike of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.explore.reading import Drawn
from include.projects import Project
from include.projects.content import ArrayContent, AudioContent, ImageContent, TableContent, TextContent, VideoContent

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HIDING = ("drop", "hash", "fake", "redact")  # rules of data.masking whose columns are not shown
LOOKED_AT = 500  # images whose points are looked at, sounds that are heard
NUMBERS, NAMES = ("number", "integer"), ("category", "boolean", "text")


@dataclass
class Measures:
    """Figures of the sample's items.

    Attributes:
        frame: a row an item, in the order of the sample; NaN, None or NaT where one is missing.
        types: of each column, as `include.projects.content.Column` names them.
        hidden: columns about people, of which no value is shown.
        rows: which rows of the sample; None for all.
        more: what was found on the way and is shown once: pictures, waves.
    """

    frame: pd.DataFrame
    types: dict[str, str]
    hidden: set[str] = field(default_factory=set)
    rows: np.ndarray | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def of_type(self, *types: str) -> list[str]:
        """Return the columns of some types whose values may be shown."""
        return [name for name, one in self.types.items() if one in types and name not in self.hidden]


def kind_of(project: Project) -> str:
    """Return how items are looked at: table, text, picture, sound, video, window or array."""
    form = project.data.content
    if isinstance(form, ArrayContent):
        if len(form.shape) <= 2 and (len(form.shape) == 1 or project.domain != "vision"):
            return "window"
        return "picture" if len(form.shape) <= 3 else "array"
    kinds = {TableContent: "table", TextContent: "text", ImageContent: "picture", AudioContent: "sound", VideoContent: "video"}
    return kinds[type(form)]


def measure(project: Project, drawn: Drawn, columns: Sequence[str] = (), parted: Any = None) -> Measures:
    """Take the figures of a sample.

    Args:
        project: gives the form of an item.
        drawn: the sample.
        columns: of a table, those to look at; none takes all.
        parted: what parts texts into tokens (`include.explore.texts.tokens_of`).

    Raises:
        InputError: there is no such column.
    """
    from include.explore import pictures, sounds, texts, windows
    from include.training import InputError

    kind, form = kind_of(project), project.data.content
    if isinstance(form, TableContent):
        if unknown := [name for name in columns if name not in form.columns]:
            raise InputError(f"there is no column {', '.join(unknown)} in {project.name}; columns are {', '.join(form.columns)}")
        types = {name: one.type for name, one in form.columns.items() if not columns or name in columns}
        rules = project.data.masking.columns if project.data.masking else {}
        hidden = {name for name in types if form.columns[name].personal}
        hidden |= {name for name in types if name in rules and rules[name].rule in HIDING}
        return Measures(drawn.contents[list(types)], dict(types), hidden)
    if columns:
        raise InputError(f"columns are for rows of a table, and items of {project.name} are of kind {form.kind}")
    if kind == "text":
        return texts.measure(drawn.contents, parted)
    if kind == "picture":
        return pictures.measure(form, drawn.contents)
    if kind in ("sound", "video"):
        return sounds.measure(form, drawn.contents)
    return windows.measure(drawn.contents)
