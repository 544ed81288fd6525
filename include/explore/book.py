"""The book of a profile: sections of its page, plots, numbers and facts, collected while it is made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.reports import Section, image
from include.training.drawing import BLUE, drawing, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNSAFE = re.compile(r"[^\w./ -]")  # what MLflow takes in names of metrics
MOST_METRICS = 1000
UNEVEN = 5  # items of the largest class by those of the smallest
LAID_OUT = 4  # panels whose places matplotlib works out, which draws them several times


@dataclass
class Book:
    """What a profile tells.

    Attributes:
        sections: of the page, in order.
        plots: PNG by name.
        metrics: numbers for MLflow.
        facts: everything, as JSON holds it.
    """

    sections: list[Section] = field(default_factory=list)
    plots: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, title: str, *pieces: str | Markup) -> None:
        """Add a section of some pieces of HTML; plain text becomes a paragraph."""
        made = [one if isinstance(one, Markup) else Markup("<p>{}</p>").format(one) for one in pieces if one]
        self.sections.append(Section(title, Markup("").join(made)))

    def plot(self, name: str, content: bytes, caption: str = "") -> Markup:
        """Keep a plot, and return it for the page."""
        self.plots[name] = content
        return image(content, caption, "plot")

    def verdict(self, labels: bool = True) -> tuple[str, str]:
        """Return in one sentence what stands out, and its tone; ``labels`` tells whether items should have some."""
        items = self.facts.get("items", 0)
        missing = items - self.facts.get("labelled", 0) if labels else 0
        found = [f"{share(missing, items)} have no label"] if missing else []
        if repeated := self.facts.get("repeated"):
            found.append(f"{repeated:,} of {self.facts['sample']:,} looked at repeat the contents of another")
        if (ratio := self.metrics.get("class_ratio", 0)) > UNEVEN:
            found.append(f"the largest class has {ratio:.3g} times the items of the smallest")
        columns: Mapping[str, Any] = self.facts.get("columns", {})
        holes = [name for name, one in columns.items() if one["missing"]]
        if holes:
            found.append(f"values are missing in {', '.join(holes[:3])}{' and others' if len(holes) > 3 else ''}")
        personal = [name for name, one in columns.items() if one.get("personal")]
        if personal:
            return f"Personal data in {', '.join(personal)}" + "".join(f"; {one}" for one in found), "bad"
        if found:
            return "; ".join(found), "warn"
        return "Nothing stands out: nothing is missing or repeated", "good"

    def glance(self) -> list[tuple[str, Any, str]]:
        """Return the counts to see first."""
        told = [("items", self.facts.get("items", 0), ""), ("looked at closely", self.facts.get("sample", 0), "")]
        told += [("classes", len(self.facts["classes"]), "")] if self.facts.get("classes") else []
        told += [("columns", len(self.facts["columns"]), "")] if self.facts.get("columns") else []
        return told

    def number(self, name: str, value: float | int | None) -> None:
        """Keep a number; what is not finite is none, and there is an end to how many."""
        if value is not None and math.isfinite(value) and len(self.metrics) < MOST_METRICS:
            self.metrics[UNSAFE.sub("_", name)[:200]] = float(value)


@contextmanager
def panels(count: int, columns: int = 4, width: float = 2.7, height: float = 1.9) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure with so many small axes, in rows of ``columns``, each so many inches wide and high."""
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    with drawing(width * columns, height * rows) as (figure, (first,)):
        first.remove()
        if count > LAID_OUT:
            figure.set_layout_engine(None)
            figure.subplots_adjust(0.25 / columns, 0.2 / rows, 1 - 0.05 / columns, 1 - 0.2 / rows, wspace=0.4, hspace=0.5)
        every = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
        for axes in every:
            axes.tick_params(labelsize=7)
            axes.title.set_fontsize(9)
        for axes in every[count:]:
            axes.remove()
        yield figure, every[:count]


def histogram(axes: Axes, values: Any, bins: Any = 30, colour: str = BLUE, line: bool = False) -> None:
    """Draw a histogram as one shape, which is much faster than a bar for each bin; a line shows shares."""
    import numpy as np

    counts, edges = np.histogram(np.asarray(values, dtype=np.float64), bins, density=line)
    axes.stairs(counts, edges, fill=not line, color=colour)
    if not line:
        axes.set_ylim(0)


def drawn(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    return png(figure)


def share(part: float, whole: float) -> str:
    """Return a share in words."""
    return f"{100 * part / whole:.2f} %" if whole else "-"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers of numpy as JSON holds them; None for what is not finite."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        value = value.item() if hasattr(value, "item") else value
        found[str(name)] = None if isinstance(value, float) and not math.isfinite(value) else value
    return found
