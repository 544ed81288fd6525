import dataclasses

import numpy as np
import pytest

from include.training.explain import explain
from include.training.learners import learner


def fitted_of(project, arrays, params=None, epochs=3):
    found = learner(project, params or {}).fit(project, params or {}, arrays, 0, epochs)
    found.preparation = arrays["train"].preparation
    return found


def forest(params):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=20)


def logistic(params):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def boosting(params):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=30)


def neighbours(params):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()


@pytest.mark.parametrize(
    ("build", "method"), [(forest, "Tree"), (logistic, "Linear"), (boosting, "Tree"), (neighbours, "Kernel")]
)
def test_the_explainer_fits_the_estimator_and_finds_what_matters(building, masses, build, method):
    project = building("breast_masses", build=build)
    draw = np.random.default_rng(0)
    arrays = {}
    for name, part in masses.items():  # only the third input tells the class; the others are noise of the same size
        inputs = draw.normal(0, 0.2, (len(part.labels), 10)).astype(np.float32)
        inputs[:, 2] += part.labels
        arrays[name] = dataclasses.replace(part, inputs=inputs)
    found = explain(project, fitted_of(project, arrays), arrays)
    assert found.told["method"] == f"SHAP {method}Explainer" and found.told["importance"][0]["name"] == "input 2"
    values = [one["value"] for one in found.told["importance"]]
    assert values[0] > 3 * values[1]
    assert {"SHAP_importance"} < set(found.plots) and sum(name.startswith("LIME") for name in found.plots) == 3
    if method == "Linear":
        assert explain(project, fitted_of(project, arrays), arrays).told == found.told


def test_a_network_over_images_gets_a_map(building, arrays):
    digits = building("digits", explain=True)
    params = {"learning_rate": 0.003, "channels": 8, "hidden": 32}
    found = explain(digits, fitted_of(digits, arrays, params), arrays)
    assert found.told["method"] == "SHAP GradientExplainer" and "SHAP_map" in found.plots
    importance = {one["name"]: one["value"] for one in found.told["importance"]}
    assert importance["[3, 4]"] > 10 * importance["[3, 0]"]  # the middle, not the empty border


def test_nothing_dear_is_done_unasked(digits, building, arrays):
    asked = explain(digits, None, arrays)
    assert asked.told == {} and "set training.explain" in asked.notes[0]
    assert explain(building("digits", explain=False), None, arrays).notes == []


def test_words_of_a_ticket_are_named(building):
    from include.training.parts import prepare

    project = building("support_tickets", build=logistic, explain=True)
    texts = np.array(
        ["refund please money back", "parcel delivery late", "password account login", "great thanks praise", "broken product"]
        * 12,
        dtype=object,
    )
    labels = np.array([1, 0, 2, 4, 3] * 12)
    parts = {name: prepare(project, texts, labels, name) for name in ("train", "validation", "test")}
    found = explain(project, fitted_of(project, parts), parts)
    assert any(name.startswith("LIME_row") for name in found.plots) and found.told["rows"] == 12


def test_time_is_bounded(building, masses):
    project = building("breast_masses", build=forest)
    found = explain(project, fitted_of(project, masses), masses, seconds=0)
    assert found.notes and not any(name.startswith("LIME") for name in found.plots) and found.told


def test_groups_that_nobody_named_are_explained_and_other_tasks_say_that_they_are_not(building):
    import pandas as pd
    from sklearn.datasets import load_iris

    from include.training.parts import prepare
    from include.training.preparation import fit

    project = building("flower_groups")
    table = pd.DataFrame(load_iris().data, columns=list(project.data.content.columns)).sample(frac=1, random_state=0)
    ready = fit(project, table.reset_index(drop=True))
    cut = {"train": slice(0, 90), "validation": slice(90, 120), "test": slice(120, 150)}
    parts = {
        name: prepare(project, table.iloc[at].reset_index(drop=True), np.full(at.stop - at.start, -1), name, (), ready)
        for name, at in cut.items()
    }
    found = explain(project, fitted_of(project, parts, {"family": "k_means", "clusters": 2}), parts)
    assert found.notes == [] and found.told["importance"][0]["name"].startswith("petal")
    assert sum(name.startswith(("SHAP_row", "LIME_row")) for name in found.plots) == 6
    policy = building("pole_balance", explain=True)
    assert "not of control" in explain(policy, None, parts).notes[0]
    assert explain(building("pole_balance", explain=None), None, parts).notes == []
