"""Plots of a training and its evaluation, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.reports.letters import spelt
from include.training.drawing import BLUE, GREY, INK, ORANGE, drawing, png

if TYPE_CHECKING:
    import numpy as np


def loss(history: Sequence[Mapping[str, float]], best_epoch: int, metric: str = "validation_accuracy") -> bytes:
    """Draw the loss and the deciding metric over the epochs, with the epoch that was kept."""
    from matplotlib.ticker import MaxNLocator

    epochs = [e["epoch"] for e in history]
    with drawing(9, 3.6, columns=2) as (figure, (left, right)):
        left.plot(epochs, [e["train_loss"] for e in history], color=GREY, label="train")
        left.plot(epochs, [e["validation_loss"] for e in history], color=BLUE, label="validation")
        left.set(title="Loss", xlabel="epoch", ylabel="loss", yscale="log")
        right.plot(epochs, [e[metric] for e in history], color=BLUE, label=metric.replace("_", " "))
        title = metric.removeprefix("validation_").replace("_", " ").capitalize()
        right.set(title=title, xlabel="epoch", ylabel="validation part")
        for axes in (left, right):
            axes.axvline(best_epoch, color=ORANGE, linestyle="--", linewidth=1.2, label=f"kept: epoch {best_epoch}")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend()
        return png(figure)


def confusion(matrix: np.ndarray, classes: Sequence[str], title: str = "Confusion matrix, test part") -> bytes:
    """Draw how often each class was taken for each other one.

    Args:
        matrix: counts (classes, classes), true classes down.
        classes: their names.
        title: above the plot.
    """
    import numpy as np

    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = min(max(4.2, 0.55 * len(classes) + 1.6), 16)
    with drawing(side + 0.8, side) as (figure, (axes,)):
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.set(title=title, xlabel="predicted", ylabel="true")
        names = spelt(classes)
        slanted: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 3 else {}
        axes.set_xticks(range(len(names)), names, **slanted)
        axes.set_yticks(range(len(names)), names)
        axes.grid(False)
        if len(classes) <= 25:
            for row, column in zip(*np.nonzero(matrix), strict=True):
                colour = "white" if share[row, column] > 0.5 else INK
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=9)
        figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
        return png(figure)


def reliability(bins: Sequence[Mapping[str, float]], error: float) -> bytes:
    """Draw how often answers of each confidence are right.

    Args:
        bins: ``low``, ``high``, ``rows``, ``confidence`` (mean) and ``accuracy`` of each bin.
        error: the expected calibration error, 0 to 1.
    """
    full = [b for b in bins if b["rows"]]
    with drawing(9, 3.6, columns=2) as (figure, (left, right)):
        left.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect")
        left.plot([b["confidence"] for b in full], [b["accuracy"] for b in full], "o-", color=BLUE, label="model")
        left.set(title=f"Calibration (error {error:.3f})", xlabel="confidence", ylabel="share of right answers")
        left.set(xlim=(0, 1.02), ylim=(0, 1.02))
        left.legend(loc="upper left")
        width = bins[0]["high"] - bins[0]["low"]
        right.bar([b["low"] for b in bins], [b["rows"] for b in bins], width=width * 0.92, align="edge", color=BLUE)
        right.set(title="Answers by confidence", xlabel="confidence", ylabel="rows", xlim=(0, 1.02))
        return png(figure)


def per_class(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw precision and recall of each class; ``rows`` hold ``class``, ``precision`` and ``recall``."""
    places = range(len(rows))
    names = spelt([r["class"] for r in rows])
    with drawing(min(max(6, 0.6 * len(rows) + 1), 16), 3.6) as (figure, (axes,)):
        axes.plot(places, [r["precision"] for r in rows], "o", color=BLUE, markersize=8, label="precision")
        axes.plot(places, [r["recall"] for r in rows], "D", color=ORANGE, markersize=6, label="recall")
        lowest = min((min(r["precision"], r["recall"]) for r in rows), default=0)
        axes.set(
            title="Precision and recall by class, test part", xlabel="class", ylabel="share", ylim=(max(0.0, lowest - 0.05), 1.01)
        )
        slanted: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names), default=0) > 6 else {}
        axes.set_xticks(list(places), names, **slanted)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return png(figure)
