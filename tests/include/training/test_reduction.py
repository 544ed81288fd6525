"""Dimensionality reduction by PCA and by a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.projects import Project, load_project
from include.training.errors import InputError
from include.training.learners import learner
from include.training.parts import Arrays, prepare
from include.training.reduction import quality, simple
from include.training.unlabelled import measure
from include.training.unlabelled_report import pictures


@pytest.fixture(scope="module")
def maps() -> Project:
    return load_project("digit_maps")


@pytest.fixture(scope="module")
def scans(maps: Project) -> dict[str, Arrays]:
    from sklearn.datasets import load_digits

    images, cut = load_digits().images.astype(np.uint8), {"train": (0, 500), "validation": (500, 600), "test": (600, 700)}
    return {name: prepare(maps, images[a:b], np.full(b - a, -1), name) for name, (a, b) in cut.items()}


@pytest.mark.parametrize("params", [{"family": "pca"}, {"family": "autoencoder", "learning_rate": 0.005, "hidden": 64}])
def test_a_reduction_beats_what_is_simple(params: dict[str, Any], maps: Project, scans: dict[str, Arrays], tmp_path: Any) -> None:
    import onnxruntime

    params = {**params, "dimensions": 8}
    fitted = learner(maps, params).fit(maps, params, scans, 7, 25)
    found, inputs = measure(maps, fitted, params, scans), scans["test"].inputs
    figures = found.metrics
    assert figures["explained_variance"] > figures["baseline_explained_variance"] > 0.3
    assert figures["explained_variance_low"] < figures["explained_variance"] < figures["explained_variance_high"]
    assert figures["neighbours_kept"] > figures["baseline_neighbours_kept"] and 0.9 < figures["trustworthiness"] <= 1
    assert set(pictures(maps, found)) == {"map", "scree", "restored"}
    again = learner(maps, params).load(maps, params, fitted.files())
    assert np.array_equal(again.predict(inputs), fitted.predict(inputs))
    fitted.export(inputs, tmp_path / "m.onnx")
    (outputs,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"input": inputs})
    assert np.allclose(maps.component("postprocess")(outputs)["VECTOR"], fitted.predict(inputs), atol=1e-4)


def test_the_figures_of_a_perfect_reduction(scans: dict[str, Arrays]) -> None:
    inputs = scans["test"].inputs
    flat = inputs.reshape(len(inputs), -1)
    found = quality(scans["train"].inputs, inputs, flat, flat)
    assert found == {"explained_variance": 1, "reconstruction_error": 0, "trustworthiness": 1, "neighbours_kept": 1}
    assert set(simple(scans["train"].inputs, inputs, 3)) == {"inputs that vary most", "random projection"}


def test_a_network_goes_on_from_another_and_pca_does_not(maps: Project, scans: dict[str, Arrays]) -> None:
    params = {"family": "autoencoder", "learning_rate": 0.003}
    first = learner(maps, params).fit(maps, params, scans, 7, 8)
    more = learner(maps, params).fit(maps, params, scans, 7, 1, initial=first.files())
    assert more.history[0]["validation_loss"] < first.history[0]["validation_loss"]
    with pytest.raises(InputError, match="cannot go on"):
        learner(maps, {"family": "pca"}).fit(maps, {"family": "pca"}, scans, 7, 1, initial=first.files())


def test_what_brings_nothing_back_is_refused(building: Any) -> None:
    from sklearn.manifold import TSNE

    with pytest.raises(InputError, match="encode and decode"):
        learner(building("digit_maps", build=lambda _: TSNE()), {})
