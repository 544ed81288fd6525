"""Clustering: what learns, what is measured, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from include.projects import Project, load_project
from include.training.clustering import adjusted_rand, halves, quality, stability
from include.training.errors import InputError
from include.training.explain_parts import Explained
from include.training.learners import learner
from include.training.parts import Arrays
from include.training.unlabelled import measure
from include.training.unlabelled_report import pictures, report_page


@pytest.fixture(scope="module")
def flowers() -> Project:
    return load_project("flower_groups")


@pytest.fixture(scope="module")
def blobs() -> dict[str, Arrays]:
    """Return three clear groups of four numbers; a tenth of the items has no label."""
    draw = np.random.default_rng(0)
    found = {}
    for name, count in (("train", 120), ("validation", 45), ("test", 60)):
        groups = draw.integers(0, 3, count)
        inputs = (np.eye(4)[groups] * 9 + draw.normal(size=(count, 4))).astype(np.float32)
        found[name] = Arrays(inputs, inputs, np.where(draw.random(count) < 0.1, -1, groups), ["dev"] * count)
    return found


@pytest.mark.parametrize("params", [{"family": "k_means", "clusters": 3}, {"family": "mixture", "clusters": 3, "shape": "tied"}])
def test_clear_groups_are_found(params: dict[str, Any], flowers: Project, blobs: dict[str, Arrays], tmp_path: Any) -> None:
    import onnxruntime

    fitted = learner(flowers, params).fit(flowers, params, blobs, 7, 1)
    inputs = blobs["test"].inputs
    found = fitted.predict(inputs)
    assert found.shape == (60, 3) and np.allclose(found.sum(1), 1, atol=1e-5)
    assert adjusted_rand(blobs["test"].labels, found) == 1 and fitted.best["validation_silhouette"] > 0.6
    again = learner(flowers, params).load(flowers, params, fitted.files()).predict(inputs)
    assert np.array_equal(again, found)
    fitted.export(inputs, tmp_path / "m.onnx")
    (outputs,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"input": inputs})
    served = flowers.component("postprocess")(outputs)
    assert np.array_equal(served["LABEL"][:, 0], found.argmax(1)) and np.allclose(served["MEMBERSHIPS"], found, atol=1e-3)


def test_the_figures_tell_good_clusters_from_bad_ones(flowers: Project, blobs: dict[str, Arrays]) -> None:
    figures = {}
    for count in (3, 5):
        params = {"family": "k_means", "clusters": count}
        fitted = learner(flowers, params).fit(flowers, params, blobs, 7, 1)
        figures[count] = measure(flowers, fitted, params, blobs).metrics
    good, bad = figures[3], figures[5]
    assert good["silhouette"] > bad["silhouette"] and good["davies_bouldin"] < bad["davies_bouldin"]
    assert good["stability"] == 1 > bad["stability"] and good["silhouette"] > good["baseline_silhouette"]
    assert good["silhouette_low"] < good["silhouette"] < good["silhouette_high"]


def test_without_labels_there_is_no_comparison_with_them(flowers: Project, blobs: dict[str, Arrays]) -> None:
    bare = {name: dataclasses.replace(part, labels=np.full(len(part.labels), -1)) for name, part in blobs.items()}
    params = {"family": "k_means", "clusters": 3}
    found = measure(flowers, learner(flowers, params).fit(flowers, params, bare, 7, 1), params, bare)
    assert "adjusted_rand" not in found.metrics and any(note.startswith("adjusted_rand says") for note in found.notes)
    drawn = pictures(flowers, found)
    assert set(drawn) == {"clusters", "silhouette"} and all(one.startswith(b"\x89PNG") for one in drawn.values())
    assert "adjusted_rand says nothing" in report_page(flowers, "r1", found, drawn, Explained())


def test_one_cluster_has_no_silhouette(blobs: dict[str, Arrays]) -> None:
    inputs = blobs["test"].inputs
    assert all(np.isnan(value) for value in quality(inputs, np.ones((len(inputs), 1))).values())
    assert set(halves(blobs["train"].inputs, inputs).argmax(1)) == {0, 1}


def test_stability_looks_at_models_of_other_rows(flowers: Project, blobs: dict[str, Arrays]) -> None:
    params = {"family": "k_means", "clusters": 3}
    fitted = learner(flowers, params).fit(flowers, params, blobs, 7, 1)
    noise = np.random.default_rng(1).normal(size=(120, 4)).astype(np.float32)
    assert np.mean(stability(flowers, params, fitted, noise, blobs["test"].inputs)) < 0.9


def test_what_cannot_place_new_items_is_refused(building: Any, blobs: dict[str, Arrays]) -> None:
    from sklearn.cluster import DBSCAN

    with pytest.raises(InputError, match="tells the cluster of new items"):
        learner(building("flower_groups", build=lambda _: DBSCAN()), {})
