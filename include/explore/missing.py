"""Missing values in a profile: the share of each column that lacks some, and which columns lack theirs in the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from include.explore.book import Book, drawn, panels, share
from include.explore.measuring import Measures
from include.projects import Project
from include.projects.content import TableContent
from include.reports import table
from include.reports.letters import spelt
from include.training.drawing import BLUE, INK

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

MOST = 30  # columns that are drawn: those that lack most
SETS = 10  # sets of columns that are named
WRITTEN = 10  # columns up to which each cell has its number


def tell(book: Book, project: Project, measures: Measures) -> None:
    """Write the section about missing values of a table; nothing where none is missing."""
    import numpy as np

    if not isinstance(project.data.content, TableContent) or measures.frame.empty:
        return
    shares = {name: float(measures.frame[name].isna().mean()) for name in measures.types}
    lacking = {name: value for name, value in sorted(shares.items(), key=lambda pair: -pair[1]) if value}
    if not lacking:
        return
    names = list(lacking)[:MOST]
    gone = np.column_stack([measures.frame[name].isna().to_numpy() for name in names])
    sets, rows = _sets(gone, names), len(gone)
    whole = int((~gone.any(1)).sum())
    more = f" Shown are the {MOST} that lack most." if len(lacking) > MOST else ""
    about = f"{len(lacking):,} of {len(shares):,} columns lack values.{more}"
    full = f"{whole:,} of {rows:,} rows ({share(whole, rows)}) lack none of them."
    named = [(columns, count) for columns, count in sets if count > 1][:SETS]
    listed = [(", ".join(columns), len(columns), count, share(count, rows)) for columns, count in named]
    right = (
        "To the right: of the rows that lack the column beside, the share that lack the one below too." if len(names) > 1 else ""
    )
    left = f"{len(sets) - len(named):,} other sets of columns are rarer." if len(sets) > len(named) else ""
    head = ("missing in the same rows, and no other of them", "columns", "rows", "share")
    pieces = [table(head, listed)] if listed else []
    book.add("Missing values", f"{about} {full}", _plot(book, gone, names), right, *pieces, left)
    book.facts["missing"] = {
        "shares": {name: round(value, 6) for name, value in lacking.items()},
        "together": [{"columns": columns, "rows": count} for columns, count in named],
    }


def together(gone: np.ndarray) -> np.ndarray:
    """Return of the rows that lack column i the share that lacks column j too, (columns, columns).

    Args:
        gone: which values are missing, bool (rows, columns), at least one in each column.
    """
    import numpy as np

    lacking = gone.astype(np.float32)
    return np.asarray(lacking.T @ lacking / lacking.sum(0)[:, None])


def _sets(gone: np.ndarray, names: list[str]) -> list[tuple[list[str], int]]:
    """Return which columns are missing together and in how many rows, the most frequent first."""
    import numpy as np

    found, counts = np.unique(np.packbits(gone[gone.any(1)], axis=1), axis=0, return_counts=True)
    masks = np.unpackbits(found, axis=1, count=len(names)).astype(bool)
    pairs = [([names[place] for place in np.flatnonzero(mask)], int(count)) for mask, count in zip(masks, counts, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[1], len(pair[0]), pair[0]))


def _plot(book: Book, gone: np.ndarray, names: list[str]) -> Markup:
    shown, places, shares = spelt(names, 20), range(len(names)), gone.mean(0)
    side = max(2.4, 0.26 * len(names) + 1.2)
    if len(names) == 1:
        with panels(1, 1, 5.5, 1.5) as (figure, (left,)):
            _bars(left, shares, shown)
            return book.plot("missing", drawn(figure))
    with panels(2, 2, max(4.6, side), side) as (figure, (left, right)):
        _bars(left, shares, shown)
        both = together(gone)
        picture = right.imshow(both, cmap="Blues", vmin=0, vmax=1)
        right.set_xticks(places, shown, rotation=90, fontsize=7)
        right.set_yticks(places, shown, fontsize=7)
        right.set_title("missing in the same rows", fontsize=9)
        right.grid(False)
        if len(names) <= WRITTEN:
            for row in places:
                for column in places:
                    colour = "white" if both[row, column] > 0.6 else INK
                    right.text(column, row, f"{both[row, column]:.0%}", ha="center", va="center", fontsize=6, color=colour)
        figure.colorbar(picture, ax=right, shrink=0.7).ax.tick_params(labelsize=7)
        return book.plot("missing", drawn(figure))


def _bars(axes: Axes, shares: np.ndarray, shown: list[str]) -> None:
    made = axes.barh(range(len(shown)), 100 * shares, color=BLUE)
    axes.bar_label(made, [f"{value:.2%}" if value < 0.1 else f"{value:.1%}" for value in shares], padding=3, fontsize=7)
    axes.set_yticks(range(len(shown)), shown, fontsize=7)
    axes.set_title("missing values", fontsize=9)
    axes.set(xlabel="% of rows", xlim=(0, max(100 * float(shares.max()) * 1.2, 1)))
    axes.invert_yaxis()
