"""Pictures of monitoring's results, as PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.ledger import Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GREY, RED = "#2f6fed", "#8a8f98", "#dc2626"
WHO = {"current": GREY, "candidate": BLUE}
PARTS = ("old", "new")
HANGUL = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")


@contextmanager
def _figure(width: float, height: float, out: io.BytesIO) -> Iterator[Figure]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    fonts: Any = {"font.family": ["DejaVu Sans", *(name for name in HANGUL if name in known)], "font.size": 9}
    with rc_context(fonts):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(out, format="png", dpi=120)


def picture(result: dict[str, Any]) -> bytes:
    """Draw a four-way comparison: the four cells with their intervals, and each class or quarter of the true values."""
    out = io.BytesIO()
    names, metric = list(result["slices"]), figure_of(result)
    of_slices = result.get("slice_metric", metric)
    with _figure(11, 4.2, out) as figure:
        cells, slices = figure.subplots(1, 2, width_ratios=(1, 2.2))
        for i, part in enumerate(PARTS):
            for j, (who, colour) in enumerate(WHO.items()):
                version = f"{who} (v{result[f'{who}_version']})"
                cell = result["cells"][f"{who}_{part}"]
                _bar(cells, i + 0.4 * j - 0.2, cell, metric, colour, 0.36, None if i else version)
        cells.set_xticks(range(2), [f"{part} data, n={result['cells'][f'current_{part}']['n']}" for part in PARTS])
        cells.set_title(f"decision: {result['decision']}")
        figure.legend(loc="outside lower left", ncols=2)
        for i, name in enumerate(names):
            for j, (part, who) in enumerate((part, who) for part in PARTS for who in WHO):
                cell = result["slices"][name][f"{who}_{part}"]
                _bar(slices, i + 0.2 * j - 0.3, cell, of_slices, WHO[who], 0.18, None, part == "new")
        slices.set_xticks(range(len(names)), names)
        slices.set_title(f"by {'class' if metric == 'accuracy' else 'true value'} (hatched: new data)")
        for axes, measured in ((cells, metric), (slices, of_slices)):
            if measured == "accuracy":
                axes.set_ylim(0, 1.05)
            lower = ", lower is better" if result.get("direction") == "min" else ""
            axes.set_ylabel(f"{measured}{lower}, {result['limits']['confidence']:.0%} intervals")
    return out.getvalue()


def figure_of(result: dict[str, Any]) -> str:
    """Return under which name the cells of a four-way comparison hold their figure."""
    return str(result.get("metric", "accuracy"))


def _bar(
    axes: Any, x: float, cell: dict[str, Any], metric: str, colour: str, width: float, label: str | None, hatched: bool = False
) -> None:
    if not cell["n"]:
        return
    value = cell[metric]
    error = [[max(0.0, value - cell["low"])], [max(0.0, cell["high"] - value)]]
    looks = {"hatch": "///", "edgecolor": "white"} if hatched else {}
    axes.bar(x, value, width, color=colour, label=label, yerr=error, capsize=2, ecolor="#334155", linewidth=0, **looks)


def plot_scores(windows: Sequence[Window], threshold: float, alerted: Sequence[int] = ()) -> bytes:
    """Draw the drift score over the windows of a release; those that raised the alert are marked."""
    from matplotlib.ticker import MaxNLocator

    out = io.BytesIO()
    with _figure(9, 3.2, out) as figure:
        axes = figure.subplots()
        axes.plot(
            [w.number for w in windows], [w.score for w in windows], color=BLUE, marker="o", markersize=3, label="drift score"
        )
        marked = [w for w in windows if w.number in set(alerted)]
        if marked:
            axes.scatter([w.number for w in marked], [w.score for w in marked], color=RED, zorder=3, label="raised the alert")
        axes.axhline(threshold, color=RED, linestyle="--", linewidth=1, label=f"limit {threshold:g}")
        axes.set(xlabel="window", ylabel="mean PSI beyond chance")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="upper left")
    return out.getvalue()
