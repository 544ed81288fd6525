"""How plots of this area look: figures without global state, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from include.reports.letters import families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, INK = "#2563eb", "#ea580c", "#94a3b8", "#0f172a"
STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e8f0",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "text.parse_math": False,  # a class may be called $5
}


@contextmanager
def drawing(width: float, height: float, columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure, in inches, and its axes side by side."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(cast(Any, STYLE | {"font.family": list(families())})):  # no pyplot: it keeps figures in global state
        figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, list(figure.subplots(1, columns, squeeze=False)[0])


def diverging() -> Colormap:
    """Return the colours of what has a sign: orange below zero, white at it, blue above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [ORANGE, "white", BLUE])


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
