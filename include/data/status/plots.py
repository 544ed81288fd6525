"""Plots of a status: how data grew, and how its quality went from version to version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from include.data.status.counts import SHARES
from include.reports import figure

POINTS = 500  # more are thinned out: nobody sees more
COLOURS = ("#2f6fb5", "#d1772a", "#3a8a5f", "#7d5ba6")


def growth(found: Sequence[Mapping[str, Any]]) -> Markup:
    """Return items and labelled items over time; nothing to see of fewer than two rounds."""
    if len(found) < 2:
        return Markup("<p>Growth is seen from the second round on.</p>")
    from matplotlib.figure import Figure

    shown = _thin(found)
    times: Any = list(accumulate((_moment(one["at"]) for one in shown), max))  # a clock may have gone back
    plot = Figure(figsize=(9, 3.2), layout="constrained")
    axes = plot.subplots()
    axes.plot(times, [one["items"] for one in shown], drawstyle="steps-post", color=COLOURS[0], label="items")
    axes.plot(times, [one["labelled"] for one in shown], drawstyle="steps-post", color=COLOURS[1], label="labelled at first")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("items")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    plot.autofmt_xdate()
    return figure(plot, "Items merged, up to each round")


def quality(found: Sequence[Mapping[str, Any]]) -> Markup:
    """Return labelled share and worst shares of checks by version; nothing to see of fewer than two versions."""
    if len(found) < 2:
        return Markup("")
    from matplotlib.figure import Figure

    shown = _thin(found)
    places = range(len(shown))
    plot = Figure(figsize=(9, 3.2), layout="constrained")
    axes = plot.subplots()
    axes.plot(places, [one["labelled"] for one in shown], "o-", markersize=3, color=COLOURS[0], label="labelled")
    for name, colour in zip(SHARES, COLOURS[1:], strict=True):
        axes.plot(
            places, [one["shares"].get(name) for one in shown], "o-", markersize=3, color=colour, label=name.replace("_", " ")
        )
    step = max(len(shown) // 12, 1)
    axes.set_xticks(list(places)[::step], [one["version"] for one in shown][::step])
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share of items")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure(plot, "Share of labelled items in each version, and the worst round that each version added")


def _thin(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    step = -(-len(found) // POINTS)
    return [*found[::step], *([found[-1]] if (len(found) - 1) % step else [])]


def _moment(at: str) -> datetime:
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
