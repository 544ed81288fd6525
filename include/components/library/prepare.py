"""Items as models take them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from include.components.declare import Context, component
from include.components.types import Inputs, Items, Labels


@component(name="prepare", version=1, kind="preprocess", outputs={"train": Inputs, "validation": Inputs})
def prepare(train: Items, validation: Items, context: Context) -> dict[str, Any]:
    """Prepare tables, texts, arrays or images as project.yaml says, by its transforms or its preprocess component.

    The transforms are fitted on the training part alone. Serving prepares by the same definition.
    """
    from include.training.preparation import fit

    ready = fit(context.project, train)
    return {"train": ready(train), "validation": ready(validation)}


@component(name="drop_outliers", version=1, kind="preprocess", outputs={"rows": Inputs, "labels": Labels})
class DropOutliers:
    """Leave out rows of the training part of which a number lies many standard deviations from the mean.

    Only for what a model learns from: validation and production keep every row.
    """

    def __init__(self, deviations: Annotated[float, Field(gt=0)] = 4.0) -> None:
        self.deviations = deviations

    def __call__(self, rows: Inputs, labels: Labels, context: Context) -> dict[str, Any]:
        """Return the rows that stay, and their labels."""
        import numpy as np

        flat = rows.reshape(len(rows), -1).astype(np.float64)
        spread = flat.std(axis=0)
        distance = np.abs(flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1)
        kept = distance.max(axis=1) <= self.deviations
        if not kept.any():
            raise ValueError(f"every one of {len(rows)} rows is an outlier at {self.deviations:g} deviations")
        context.say(f"{int((~kept).sum())} of {len(rows)} rows are left out")
        return {"rows": rows[kept], "labels": labels[kept]}


@component(name="balance", version=1, kind="preprocess", outputs={"rows": Inputs, "labels": Labels})
def balance(rows: Inputs, labels: Labels, context: Context) -> dict[str, Any]:
    """Repeat rows of rare classes of the training part until all classes have as many."""
    import numpy as np

    if context.project.task != "classification":
        raise ValueError(f"the task {context.project.task} has no classes to balance")
    names, counts = np.unique(labels, return_counts=True)
    draw, most = np.random.default_rng(context.seed), int(counts.max())
    more = [draw.choice(np.flatnonzero(labels == name), most - count) for name, count in zip(names, counts, strict=True)]
    order = np.concatenate([np.arange(len(rows)), *more]).astype(np.int64)
    return {"rows": rows[order], "labels": labels[order]}
