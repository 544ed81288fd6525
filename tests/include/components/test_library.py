"""Each shared component on real wines."""

from __future__ import annotations

import numpy as np
import pytest

from include.components import values
from include.components.call import call
from include.components.declare import Context
from include.components.errors import StepError
from include.components.graph import components
from include.components.library.ensembles import best_vote, soft_vote, stack
from include.components.library.estimators import boosting, estimator, forest, linear, neighbours
from include.components.library.networks import full_layers, network
from include.components.library.postprocess import answers, class_weights, measure, threshold
from include.components.library.prepare import DropOutliers, balance, prepare
from include.components.types import ModelType
from include.projects import load_project


@pytest.fixture(scope="module")
def context(wine):
    return Context(wine, 0, print)


@pytest.fixture(scope="module")
def parts(wines):
    train, held = wines["train"], wines["validation"]
    return {
        "train": train.inputs, "train_labels": train.labels, "validation": held.inputs, "validation_labels": held.labels,
    }  # fmt: skip


@pytest.fixture(scope="module")
def members(parts, context):
    return [forest(**parts, context=context, trees=20)["model"], linear(**parts, context=context)["model"]]


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (linear, {}),
        (linear, {"scale": False, "strength": 0.1}),
        (forest, {"trees": 20, "splits": "random", "depth": 5}),
        (boosting, {"trees": 10}),
        (neighbours, {"weights": "distance"}),
        (full_layers, {"hidden": [8], "epochs": 8}),
    ],
)
def test_a_family_learns_and_is_kept(body, params, parts, context, wine):
    made = body(**parts, context=context, **params)
    assert made["figures"]["validation_accuracy"] > 0.85
    kept = values.load(ModelType(), values.dump(ModelType(), made["model"]), wine)
    assert np.allclose(kept.predict(parts["validation"]), made["model"].predict(parts["validation"]))


def test_what_the_project_builds_is_trained(parts, context, with_steps, steps):
    text = (
        "def tree(params):\n    from sklearn.tree import DecisionTreeClassifier\n"
        "    return DecisionTreeClassifier(max_depth=int(params.get('depth', 1)))\n"
        "def net(params):\n    from torch import nn\n    width = int(params['units'])\n"
        "    return nn.Sequential(nn.Linear(13, width), nn.ReLU(), nn.Linear(width, 3))\n"
    )
    project = with_steps(steps, files={"own.py": text})
    there = Context(project, 0, print)
    deep = estimator(**parts, context=there, build="own:tree", names=["depth"], values=[4])
    flat = estimator(**parts, context=there, build="own:tree")
    assert deep["figures"]["validation_accuracy"] > flat["figures"]["validation_accuracy"]
    made = network(**parts, context=there, build="own:net", names=["units"], values=[12], epochs=6, learning_rate=0.01)["model"]
    kept = values.load(ModelType(), values.dump(ModelType(), made), project)
    assert np.array_equal(kept.predict(parts["train"]), made.predict(parts["train"]))
    with pytest.raises(ValueError, match="1 names and 0 values"):
        estimator(**parts, context=there, build="own:tree", names=["depth"])


def test_ensembles_are_as_good_as_their_members(members, parts, context):
    held, labels = parts["validation"], parts["validation_labels"]
    outputs = [one.predict(held) for one in members]
    mixed = soft_vote(members, context, [1.0, 3.0]).predict(held)
    assert np.allclose(mixed, (outputs[0] + 3 * outputs[1]) / 4, atol=1e-6)
    alone = [-np.log(one[np.arange(len(labels)), labels].clip(1e-12)).mean() for one in outputs]
    best = best_vote(members, held, labels, context).predict(held)
    assert -np.log(best[np.arange(len(labels)), labels]).mean() <= min(alone) + 1e-9
    top = stack(members, held, labels, context).predict(held)
    assert (top.argmax(1) == labels).mean() >= 0.95 and np.allclose(top.sum(1), 1, atol=1e-5)
    for weights in ([1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="give one for each, and not all zero"):
            soft_vote(members, context, weights)
    with pytest.raises(ValueError, match="no item of Grignolino, Barbera"):
        stack(members, held, np.zeros_like(labels), context)


def test_a_class_can_be_said_more_readily(members, parts, context):
    before, rows = members[1].predict(parts["train"]), parts["train"]
    after = class_weights(members[1], context, ["Barbera"], [100.0]).predict(rows)
    assert (after.argmax(1) == 2).sum() > (before.argmax(1) == 2).sum() and np.allclose(after.sum(1), 1, atol=1e-5)
    with pytest.raises(ValueError, match="one factor for each of some classes of Barolo"):
        class_weights(members[1], context, ["보르도"], [2.0])
    with pytest.raises(ValueError, match="a threshold needs two classes"):
        threshold(members[1], rows, parts["train_labels"], context, "Barbera")


def test_a_threshold_reaches_its_recall():
    masses = load_project("breast_masses")
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 400)
    rows = (draw.normal(size=(400, 3)) + labels[:, None] * 0.8).astype(np.float32)
    there = Context(masses, 0, print)
    model = linear(rows, labels, rows, labels, there)["model"]
    made = threshold(model, rows, labels, there, "malignant", 0.97)
    said = made["model"].predict(rows).argmax(1)
    recall = (said[labels == 1] == 1).mean()
    assert recall >= 0.97 and recall == pytest.approx(made["figures"]["recall"])
    assert recall > (model.predict(rows).argmax(1)[labels == 1] == 1).mean()
    strict = stack([model], rows, labels, there).predict(rows)
    assert (strict.argmax(1) == labels).mean() >= (model.predict(rows).argmax(1) == labels).mean() - 0.02


def test_numbers_are_learnt_too(parts):
    levels = load_project("co2_levels")
    there = Context(levels, 0, print)
    rows = parts["train"]
    labels = rows @ np.arange(13.0)
    models = [
        body(rows, labels, rows, labels, there, **more)["model"]
        for body, more in ((linear, {"strength": 100.0}), (forest, {"trees": 10}))
    ]
    votes = {
        "soft": soft_vote(models, there),
        "best": best_vote(models, rows, labels, there),
        "stack": stack(models, rows, labels, there),
    }
    for name, model in votes.items():
        assert model.predict(rows).shape == (len(rows),), name
    assert np.abs(votes["best"].predict(rows) - labels).mean() < 0.1 * np.abs(labels).mean()
    with pytest.raises(ValueError, match="has no classes to balance"):
        balance(rows, labels, there)


def test_rows_are_prepared_chosen_and_repeated(wine, wines, parts, context):
    made = prepare(wines["train"].contents, wines["validation"].contents, context)
    assert np.array_equal(made["train"], parts["train"]) and np.array_equal(made["validation"], parts["validation"])
    rows, labels = parts["train"].copy(), parts["train_labels"]
    rows[7, 3] = 1000
    kept = DropOutliers(6.0)(rows, labels, context)
    assert len(kept["rows"]) == len(rows) - 1 == len(kept["labels"]) and kept["rows"].max() < 100
    even = balance(rows, labels, context)
    assert set(np.unique(even["labels"], return_counts=True)[1]) == {np.bincount(labels).max()}
    assert np.array_equal(even["rows"][: len(rows)], rows)


def test_answers_are_measured(members, parts, context):
    scores = answers(members[1], parts["validation"])
    figures = measure(scores, parts["validation_labels"], context)
    assert figures["accuracy"] == (scores.argmax(1) == parts["validation_labels"]).mean() and figures["rows"] == 40


def test_an_estimator_that_cannot_learn_names_its_step(with_steps, steps, parts):
    project = with_steps(steps)
    inputs = {**parts, "train_labels": np.zeros_like(parts["train_labels"])}
    with pytest.raises(
        StepError, match=r"step forest \(forest@1\): InputError: the train part .* has no item of Grignolino, Barbera"
    ):
        call(project, "forest", components(project)["forest"], inputs, 0, print)
