"""Plots of an evaluation over all thresholds, of numbers against truth, and of slices side by side, as PNG bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.reports.letters import spelt
from include.training.drawing import BLUE, GREY, ORANGE, diverging, drawing, png

if TYPE_CHECKING:
    import numpy as np

LEGEND = 12  # classes that a legend can name


def roc(labels: np.ndarray, outputs: np.ndarray, classes: Sequence[str]) -> bytes:
    """Draw true positives against false ones for each class against the rest, over all thresholds."""
    from sklearn.metrics import roc_curve

    def points(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        false, true, _ = roc_curve(truth, scores)
        return false, true

    return _one_against_rest(labels, outputs, classes, points, ("ROC, test part", "false positive rate", "true positive rate"))


def precision_recall(labels: np.ndarray, outputs: np.ndarray, classes: Sequence[str]) -> bytes:
    """Draw precision against recall for each class against the rest, over all thresholds."""
    from sklearn.metrics import precision_recall_curve

    def points(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        precision, recall, _ = precision_recall_curve(truth, scores)
        return recall, precision

    return _one_against_rest(labels, outputs, classes, points, ("Precision and recall, test part", "recall", "precision"))


def _one_against_rest(
    labels: np.ndarray,
    outputs: np.ndarray,
    classes: Sequence[str],
    points: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    words: tuple[str, str, str],
) -> bytes:
    asked = [1] if len(classes) == 2 else range(len(classes))
    names = spelt(classes)
    with drawing(6.4, 4.2) as (figure, (axes,)):
        for place in asked:
            truth = labels == place
            if 0 < truth.sum() < len(truth):
                axes.plot(*points(truth, outputs[:, place]), linewidth=1.4, label=names[place])
        axes.set(title=words[0], xlabel=words[1], ylabel=words[2], xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        if len(asked) <= LEGEND and axes.lines:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return png(figure)


def regression(labels: np.ndarray, outputs: np.ndarray) -> bytes:
    """Draw predicted against true numbers, and how far they are off."""
    ends = float(min(labels.min(), outputs.min())), float(max(labels.max(), outputs.max()))
    with drawing(9, 3.8, columns=2) as (figure, (left, right)):
        left.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label="perfect")
        left.plot(labels, outputs, "o", color=BLUE, markersize=4, alpha=0.6, label="model")
        left.set(title="Predicted against true", xlabel="true", ylabel="predicted")
        left.legend()
        right.axhline(0, color=GREY, linewidth=1)
        right.plot(outputs, outputs - labels, "o", color=ORANGE, markersize=4, alpha=0.6)
        right.set(title="Residuals", xlabel="predicted", ylabel="predicted - true")
        return png(figure)


def importance(
    names: Sequence[str],
    values: Sequence[float],
    title: str = "What matters to the model",
    most: int = 20,
    unit: str = "mean |SHAP value|",
) -> bytes:
    """Draw what matters most as bars, the greatest on top.

    Args:
        names: of the inputs.
        values: of each; what is below 0 has another colour.
        title: above the plot.
        most: bars at most.
        unit: what the values are.
    """
    order = sorted(range(len(names)), key=lambda place: -abs(values[place]))[:most][::-1]
    with drawing(7, max(2.0, 0.3 * len(order) + 1)) as (figure, (axes,)):
        colours = [BLUE if values[place] >= 0 else ORANGE for place in order]
        axes.barh(range(len(order)), [values[place] for place in order], color=colours)
        axes.set(title=title, xlabel=unit)
        axes.set_yticks(range(len(order)), spelt([names[place] for place in order], 40))
        return png(figure)


def heat(grid: np.ndarray, title: str) -> bytes:
    """Draw a grid of importances (height, width)."""
    with drawing(4.6, 4) as (figure, (axes,)):
        shown = axes.imshow(grid, cmap="Blues")
        axes.set(title=title, xlabel="column", ylabel="row")
        axes.grid(False)
        figure.colorbar(shown, ax=axes, shrink=0.8, label="mean |SHAP value|")
        return png(figure)


def signed(grid: np.ndarray, picture: np.ndarray, title: str, unit: str) -> bytes:
    """Draw an item beside what each of its places did to the answer.

    Args:
        grid: values with a sign (height, width).
        picture: the item, 0 to 1, (height, width) or (height, width, 3).
        title: above both.
        unit: what the values are.
    """
    import numpy as np

    most = float(np.abs(grid).max()) or 1.0
    with drawing(6.4, 3.4, columns=2) as (figure, (left, right)):
        left.imshow(picture, cmap="gray", vmin=0, vmax=1)
        left.set(title=title, xticks=[], yticks=[])
        left.grid(False)
        shown = right.imshow(grid, cmap=diverging(), vmin=-most, vmax=most)
        right.set(xticks=[], yticks=[])
        right.set_xlabel(unit, fontsize=8)
        right.grid(False)
        figure.colorbar(shown, ax=right, shrink=0.7)
        return png(figure)


def slices(rows: Sequence[Mapping[str, Any]], overall: float, metric: str, most: int = 40) -> bytes:
    """Draw the metric of each slice with its interval beside that of the whole part.

    Args:
        rows: of `include.training.slices`.
        overall: of the whole test part.
        metric: what is measured.
        most: slices that are drawn at most.
    """
    shown = [row for row in rows if row["value"] is not None][:most][::-1]
    with drawing(7, max(2.2, 0.28 * len(shown) + 1)) as (figure, (axes,)):
        for place, row in enumerate(shown):
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [place, place], color=GREY, linewidth=2)
        axes.plot([row["value"] for row in shown], range(len(shown)), "o", color=BLUE)
        axes.axvline(overall, color=ORANGE, linestyle="--", linewidth=1.2)
        axes.set(title=f"{metric} by slice", xlabel=metric)
        axes.set_yticks(range(len(shown)), spelt([f"{row['by']}: {row['slice']}" for row in shown], 40))
        return png(figure)
