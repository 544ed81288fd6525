"""What is done with the answers of a trained model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from include.components.declare import Context, component
from include.components.types import Inputs, Labels, Metrics, Model, Scores


@component(name="class_weights", version=1, kind="postprocess", outputs={"model": Model})
def class_weights(
    model: Model, context: Context, classes: list[str], factors: list[Annotated[float, Field(gt=0, le=1000)]]
) -> Any:
    """Multiply the probability of ``classes`` by ``factors``: above 1 the class is said more readily. Others keep theirs."""
    from include.components.models import Weighted

    known = context.project.classes
    if (
        context.project.task != "classification"
        or [name for name in classes if name not in known]
        or len(classes) != len(factors)
    ):
        raise ValueError(f"give one factor for each of some classes of {', '.join(known) or 'a classification'}, not {classes}")
    given = dict(zip(classes, factors, strict=True))
    return Weighted([model], context.project.task, [given.get(name, 1.0) for name in known])


@component(name="threshold", version=1, kind="postprocess", outputs={"model": Model, "figures": Metrics})
def threshold(
    model: Model,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    positive: str,
    min_recall: Annotated[float, Field(gt=0, le=1)] = 0.95,
) -> dict[str, Any]:
    """Find the highest probability of ``positive``, of two classes, at which its recall on the validation part is reached."""
    import numpy as np

    from include.components.models import Weighted

    known = context.project.classes
    if context.project.task != "classification" or len(known) != 2 or positive not in known:
        raise ValueError(f"a threshold needs two classes, {positive!r} one of them; classes are {', '.join(known) or 'none'}")
    place = known.index(positive)
    true = validation_labels == place
    if not true.any():
        raise ValueError(f"the validation part has no item of {positive}")
    said = model.predict(validation)[:, place].astype(np.float64)
    ranked = np.sort(said[true])[::-1]
    at = float(ranked[int(np.ceil(min_recall * len(ranked))) - 1])
    at = float(np.clip(at * (1 - 1e-6), 1e-6, 1 - 1e-6))  # the item at the edge counts as found
    factors = [1.0, 1.0]
    factors[place] = (1 - at) / at  # the two are equal where its probability is ``at``
    found = said >= at
    precision = float((true & found).sum() / max(int(found.sum()), 1))
    context.say(f"{positive} from a probability of {at:.4f}: recall {float(found[true].mean()):.4f}, precision {precision:.4f}")
    figures = {"threshold": at, "recall": float(found[true].mean()), "precision": precision}
    return {"model": Weighted([model], context.project.task, factors), "figures": figures}


@component(name="answers", version=1, kind="postprocess", outputs={"scores": Scores})
def answers(model: Model, rows: Inputs) -> Any:
    """Return what a model answers to rows."""
    return model.predict(rows)


@component(name="measure", version=1, kind="measure", outputs={"figures": Metrics})
def measure(scores: Scores, labels: Labels, context: Context) -> Any:
    """Measure answers against the labels by the metrics of the task and of the project."""
    from include.training.evaluate import measure as measured

    figures = measured(context.project, labels, scores, resamples=0)["metrics"]
    return {name: float(value) for name, value in figures.items()}
