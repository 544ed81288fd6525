"""Models that are made of others."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from include.components.declare import Context, component
from include.components.types import Inputs, Labels, Model


@component(name="soft_vote", version=1, kind="ensemble", outputs={"model": Model})
def soft_vote(
    models: list[Model],
    context: Context,
    weights: list[Annotated[float, Field(ge=0)]] = [],  # noqa: B006 - a declaration
) -> Any:
    """Answer by the weighted mean of the members' probabilities, or numbers; without ``weights`` all count alike."""
    from include.components.models import Vote

    given = weights or [1.0] * len(models)
    if len(given) != len(models) or sum(given) <= 0:
        raise ValueError(f"there are {len(models)} models and the weights {given}: give one for each, and not all zero")
    return Vote(models, context.project.task, given)


@component(name="best_vote", version=1, kind="ensemble", outputs={"model": Model})
def best_vote(
    models: list[Model],
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    steps: Annotated[int, Field(ge=1, le=1000)] = 20,
) -> Any:
    """Vote with weights chosen on the validation part: in each of ``steps`` the member that helps most gets one vote more."""
    import numpy as np

    from include.components.models import Vote
    from include.training.scores import validate

    outputs = [one.predict(validation).astype(np.float64) for one in models]
    votes = [0] * len(models)

    def loss(counts: list[int]) -> float:
        mixed = sum(count * one for count, one in zip(counts, outputs, strict=True)) / sum(counts)
        return validate(context.project.task, validation_labels, np.asarray(mixed))["validation_loss"]

    for _ in range(steps):
        tried = [loss([count + (place == one) for place, count in enumerate(votes)]) for one in range(len(models))]
        votes[int(np.argmin(tried))] += 1
    context.say(f"votes: {', '.join(map(str, votes))} of {steps}")
    return Vote(models, context.project.task, [float(one) for one in votes])


@component(name="stack", version=1, kind="ensemble", outputs={"model": Model})
def stack(
    models: list[Model],
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    strength: Annotated[float, Field(gt=0)] = 1.0,
) -> Any:
    """Learn a linear model over the members' answers on the validation part, which the members were not fitted to."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression, Ridge

    from include.components.models import Stack

    side = np.concatenate([one.predict(validation).reshape(len(validation), -1).astype(np.float64) for one in models], axis=1)
    if context.project.task != "classification":
        ridge = Ridge(alpha=1 / strength).fit(side, validation_labels)
        return Stack(models, context.project.task, ridge.coef_.reshape(-1, 1), [float(ridge.intercept_)])
    classes = len(context.project.classes)
    if absent := sorted(set(range(classes)) - {int(one) for one in validation_labels}):
        names = ", ".join(context.project.classes[place] for place in absent)
        raise ValueError(f"the validation part has no item of {names}: a stack cannot learn it; take soft_vote@1")
    top = LogisticRegression(C=strength, max_iter=2000).fit(side, validation_labels)
    matrix, offset = top.coef_.T, top.intercept_
    if classes == 2:  # one row tells how much more likely the second class is
        matrix, offset = np.concatenate([-matrix / 2, matrix / 2], axis=1), np.array([-offset[0] / 2, offset[0] / 2])
    return Stack(models, context.project.task, matrix, offset)
