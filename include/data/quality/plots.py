"""The plots of the quality report, by matplotlib. Names stand below in HTML: a browser has the letters of all scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.reports import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 40  # plots of one kind on a page
COLOUR = "#2f6fb5"
GRID = Markup('<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax({}px,1fr));gap:4px 12px">{}</div>')


def histograms(columns: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Return a small histogram for each column that has one, at most `MOST`."""
    drawn = {name: one["histogram"] for name, one in columns.items() if one.get("histogram")}
    shown = grid([figure(_histogram(one), name) for name, one in list(drawn.items())[:MOST]], 220)
    more = Markup("<p>{} more columns are not plotted.</p>").format(len(drawn) - MOST) if len(drawn) > MOST else ""
    return shown + more


def grid(pieces: Iterable[Markup], width: int) -> Markup:
    """Return pieces of a page side by side, each at least ``width`` pixels wide."""
    return GRID.format(width, Markup("").join(pieces))


def _histogram(one: Mapping[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    edges = one["edges"]
    plot = Figure(figsize=(2.4, 1.3))
    axis = plot.add_subplot()
    widths = [right - left for left, right in pairwise(edges)]
    axis.bar(edges[:-1], one["counts"], width=widths, align="edge", color=COLOUR)
    axis.tick_params(labelsize=6)
    axis.xaxis.offsetText.set_fontsize(6)
    axis.spines[["top", "right"]].set_visible(False)
    return plot
