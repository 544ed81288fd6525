"""Training of estimators as scikit-learn has them: one component a family."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from include.components.declare import Context, component
from include.components.types import Inputs, Labels, Metrics, Model

OUTPUTS = {"model": Model, "figures": Metrics}
Trees = Annotated[int, Field(ge=1, le=10_000)]


def _fitted(build: Any, context: Context, parts: tuple[Any, Any, Any, Any], epochs: int = 1) -> dict[str, Any]:
    from include.components.building import arrays, estimator

    made = estimator(context, build, arrays(*parts), epochs)
    return {"model": made, "figures": {name: value for name, value in made.best.items() if name != "epoch"}}


@component(name="linear", version=1, kind="train", outputs=OUTPUTS)
def linear(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    strength: Annotated[float, Field(gt=0)] = 1.0,
    scale: bool = True,
) -> dict[str, Any]:
    """Train a logistic regression, or ridge regression for numbers.

    ``strength`` is the weight of what is learnt against keeping weights small; ``scale`` gives every input mean 0 and
    deviation 1, inside of the model.
    """

    def build() -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        classification = context.project.task == "classification"
        last = LogisticRegression(C=strength, max_iter=2000) if classification else Ridge(alpha=1 / strength)
        return make_pipeline(StandardScaler(), last) if scale else last

    return _fitted(build, context, (train, train_labels, validation, validation_labels))


@component(name="forest", version=1, kind="train", outputs=OUTPUTS)
def forest(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    trees: Trees = 100,
    leaf: Annotated[int, Field(ge=1)] = 1,
    depth: Annotated[int, Field(ge=1, le=100)] | None = None,
    splits: Literal["best", "random"] = "best",
) -> dict[str, Any]:
    """Train a forest of trees; ``leaf`` is the fewest rows of a leaf, ``splits`` random makes extremely random trees."""

    def build() -> Any:
        from sklearn import ensemble

        task = "Classifier" if context.project.task == "classification" else "Regressor"
        family = getattr(ensemble, f"{'RandomForest' if splits == 'best' else 'ExtraTrees'}{task}")
        return family(n_estimators=trees, min_samples_leaf=leaf, max_depth=depth)

    return _fitted(build, context, (train, train_labels, validation, validation_labels))


@component(name="boosting", version=1, kind="train", outputs=OUTPUTS)
def boosting(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    trees: Trees = 100,
    depth: Annotated[int, Field(ge=1, le=20)] = 2,
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1,
) -> dict[str, Any]:
    """Train small trees, each on what those before got wrong; ``rate`` is the share of each that counts."""

    def build() -> Any:
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

        family = GradientBoostingClassifier if context.project.task == "classification" else GradientBoostingRegressor
        return family(n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=0.8)

    return _fitted(build, context, (train, train_labels, validation, validation_labels))


@component(name="neighbours", version=1, kind="train", outputs=OUTPUTS)
def neighbours(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    count: Annotated[int, Field(ge=1, le=1000)] = 5,
    weights: Literal["uniform", "distance"] = "uniform",
) -> dict[str, Any]:
    """Keep the training rows and answer by the nearest ``count`` of them."""

    def build() -> Any:
        from sklearn import neighbors

        task = "Classifier" if context.project.task == "classification" else "Regressor"
        return getattr(neighbors, f"KNeighbors{task}")(n_neighbors=count, weights=weights)

    return _fitted(build, context, (train, train_labels, validation, validation_labels))


@component(name="estimator", version=1, kind="train", outputs=OUTPUTS)
def estimator(
    train: Inputs,
    train_labels: Labels,
    validation: Inputs,
    validation_labels: Labels,
    context: Context,
    build: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")],
    names: list[str] = [],  # noqa: B006 - a declaration
    values: list[float] = [],  # noqa: B006
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 1,
) -> dict[str, Any]:
    """Train the estimator that ``module:function`` of the project builds from ``names`` and ``values`` of its parameters."""
    if len(names) != len(values):
        raise ValueError(f"there are {len(names)} names and {len(values)} values of parameters")
    given = dict(zip(names, values, strict=True))
    made = context.project.function("build", build)
    return _fitted(lambda: made(given), context, (train, train_labels, validation, validation_labels), epochs)
