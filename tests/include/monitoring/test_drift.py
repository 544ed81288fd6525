"""The drift score: near 0 without drift whatever the size, clear with drift, and told by feature."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from include.monitoring.drift import drift_score, psi, reference_sketch, window_sketch
from include.monitoring.errors import MonitoringError
from include.monitoring.sketch import Sketch
from include.projects import Project, load_project


def _features(images: np.ndarray) -> tuple[list[str], np.ndarray]:
    n = len(images)
    blocks = images.reshape(n, 4, 2, 4, 2).mean((2, 4)).reshape(n, 16)
    edges = np.abs(np.diff(images, axis=1)).mean((1, 2)) + np.abs(np.diff(images, axis=2)).mean((1, 2))
    names = ["mean", "std", *(f"block_{i}" for i in range(16)), "edges"]
    return names, np.column_stack([images.mean((1, 2)), images.std((1, 2)), blocks, edges])


class Digits:
    """The real digits, half of the rows as reference."""

    def __init__(self, project: Project) -> None:
        from sklearn.datasets import load_digits

        self.project = project
        data, self.rng = load_digits(), np.random.default_rng(5)
        order = self.rng.permutation(len(data.images))
        self.images, self.labels = data.images[order], data.target[order]
        self.reference = reference_sketch(project, *self._answered(slice(0, 540)))

    def _answered(self, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.images[rows].astype(np.uint8), self.labels[rows], np.eye(10)[self.labels[rows]] * 0.9

    def window(self, n: int = 200) -> tuple[np.ndarray, list[str]]:
        chosen = self.rng.integers(540, len(self.images), n)
        return self.images[chosen], [str(d) for d in self.labels[chosen]]

    def score(self, contents: np.ndarray, labels: list[str]) -> float:
        sketch = window_sketch(self.reference, self.project, contents, labels, np.full(len(contents), 0.9))
        return drift_score(self.reference, sketch).score


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Digits:
    """Real digits with features of this test's own, so that the score is tested apart from the example project."""
    module = ModuleType("include.projects.digits.features")
    module.features = _features  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.projects.digits.features", module)
    return Digits(load_project("digits"))


def test_normal_windows_never_alarm_and_the_calibration_is_right(digits: Digits) -> None:
    scores = np.array([digits.score(*digits.window()) for _ in range(500)])
    assert digits.project.monitoring.threshold == 0.2
    assert scores.max() < 0.1
    assert digits.reference.no_drift is not None
    # One reference sample is what it is: the share above its 99 % quantile is near 1 %, not exactly.
    assert (scores > digits.reference.no_drift.quantile_99).mean() < 0.15
    assert 0.005 < digits.reference.no_drift.quantile_99 < 0.05


@pytest.mark.parametrize("rows", [50, 200, 1000, 5000])
def test_the_size_of_the_window_does_not_move_the_zero(digits: Digits, rows: int) -> None:
    mean = np.mean([digits.score(*digits.window(rows)) for _ in range(20)])
    assert mean < 0.05


def test_uncorrected_psi_would_be_far_from_zero(digits: Digits) -> None:
    uncorrected = replace(digits.reference, no_drift=replace(digits.reference.no_drift, bias=(0.0,) * 19))  # type: ignore[type-var]
    contents, labels = digits.window(50)
    window = window_sketch(uncorrected, digits.project, contents, labels, np.ones(50))
    assert drift_score(uncorrected, window).score > 3 * drift_score(digits.reference, window).score


@pytest.mark.parametrize(("share", "least"), [(1.0, 0.4), (0.5, 0.12)])
@pytest.mark.parametrize("kind", ["inverted", "rotated", "noisy"])
def test_drift_is_clear(digits: Digits, kind: str, share: float, least: float) -> None:
    contents, labels = digits.window()
    change = {
        "inverted": lambda x: 16 - x,
        "rotated": lambda x: np.rot90(x, axes=(1, 2)),
        "noisy": lambda x: np.clip(x + digits.rng.normal(0, 4, x.shape), 0, 16),
    }[kind]
    n = int(200 * share)
    contents = np.concatenate([change(contents[:n]), contents[n:]])
    assert digits.score(contents, labels) > least


def test_the_sketch_is_small(digits: Digits) -> None:
    assert len(digits.reference.to_json()) < 50_000


def test_the_same_rows_give_the_same_sketch(digits: Digits) -> None:
    assert reference_sketch(digits.project, *digits._answered(slice(0, 540))) == digits.reference


def _window(project: Project, reference: Sketch, contents: np.ndarray, labels: list[str], sure: float = 0.9) -> Sketch:
    return window_sketch(reference, project, contents, labels, np.full(len(contents), sure))


@pytest.fixture
def known(project: Project) -> Sketch:
    """Reference of 600 random images."""
    rng = np.random.default_rng(0)
    contents = rng.normal(8, 2, (600, 4, 4))
    return reference_sketch(project, contents, np.arange(600) % 3, np.tile([0.9, 0.05, 0.05], (600, 1)))


def test_the_feature_that_moved_is_named_first_with_its_direction(project: Project, known: Sketch) -> None:
    contents = np.random.default_rng(1).normal(8, 2, (200, 4, 4))
    contents[:, 0, 3] += 6
    score = drift_score(known, _window(project, known, contents, ["원", "square", "star", "원"] * 50))
    assert score.top_features[0]["name"] == "corner_1"
    assert score.top_features[0]["high_now"] > 0.8 > 0.2 > score.top_features[0]["high_before"]
    assert score.top_features[0]["psi"] > 5 * score.top_features[3]["psi"]


def test_labels_and_confidence_are_told(project: Project, known: Sketch) -> None:
    contents = np.random.default_rng(1).normal(8, 2, (200, 4, 4))
    same = drift_score(known, _window(project, known, contents, (["원", "square", "star"] * 67)[:200]))
    other = drift_score(known, _window(project, known, contents, ["원"] * 150 + ["삼각"] * 50, sure=0.5))
    assert same.labels["psi"] < 0.1 < 1 < other.labels["psi"]
    assert other.labels["now"] == {"원": 0.75, "square": 0, "star": 0, "(unknown)": 0.25}
    assert other.confidence == {"before": 0.9, "now": 0.5, "drop": 0.4}
    assert same.to_dict()["score"] == same.score


def test_values_that_are_not_finite_are_drift(project: Project, known: Sketch) -> None:
    contents = np.random.default_rng(1).normal(8, 2, (200, 4, 4))
    contents[:100, 0, 0] = np.nan
    score = drift_score(known, _window(project, known, contents, ["star"] * 200))
    assert score.not_finite == pytest.approx(0.25) and score.score > 0.2


def test_a_feature_that_is_constant_in_the_reference(project: Project) -> None:
    constant = np.full((100, 4, 4), 3)
    reference = reference_sketch(project, constant, np.zeros(100, int), np.tile([1.0, 0, 0], (100, 1)))
    assert drift_score(reference, _window(project, reference, constant[:60], ["원"] * 60)).score == 0
    assert drift_score(reference, _window(project, reference, constant[:60] + 1, ["원"] * 60)).score > 1


def test_without_calibration_the_expectation_is_used(project: Project, known: Sketch) -> None:
    bare = replace(known, no_drift=None)
    contents = np.random.default_rng(2).normal(8, 2, (200, 4, 4))
    window = _window(project, known, contents, ["star"] * 200)
    assert drift_score(bare, window).score == pytest.approx(drift_score(known, window).score, abs=0.02)


def test_psi_of_equal_counts_is_zero_and_of_others_positive() -> None:
    used = np.array([True, True, True, False])
    assert psi(np.array([10, 20, 30, 0]), np.array([10, 20, 30, 0]), used) == 0
    assert psi(np.array([10, 20, 30, 0]), np.array([30, 20, 10, 0]), used) == pytest.approx(2 * 20 / 61.5 * np.log(30.5 / 10.5))


def test_bad_input_is_told(project: Project, known: Sketch, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MonitoringError, match="at least 20 rows, not 3"):
        reference_sketch(project, np.zeros((3, 4, 4)), np.zeros(3), np.zeros((3, 3)))
    with pytest.raises(MonitoringError, match=r"probabilities must be \(30, 3\)"):
        reference_sketch(project, np.zeros((30, 4, 4)), np.zeros(30), np.zeros((30, 2)))
    with pytest.raises(MonitoringError, match="without rows"):
        drift_score(known, known.blank())
    with pytest.raises(MonitoringError, match="other bins"):
        drift_score(known, Sketch.empty(["x"], ["y"], [[]]))
    monkeypatch.setattr(sys.modules["include.projects.shapes.features"], "features", lambda x: (["new"], np.zeros((len(x), 1))))
    with pytest.raises(MonitoringError, match="other features than the release's reference"):
        _window(project, known, np.zeros((5, 4, 4)), ["원"] * 5)


def test_any_mix_of_what_the_model_was_trained_on_is_no_drift(digits: Digits) -> None:
    from include.projects.digits.drift import drifted

    images, labels, probabilities = digits._answered(slice(0, 540))
    turned = drifted(images[:150], seed=3)
    contents, kinds = np.concatenate([images, turned]), ["dev"] * 540 + ["digits-ops/000001"] * 150
    answered = np.concatenate([labels, labels[:150]]), np.concatenate([probabilities, probabilities[:150]])
    known = reference_sketch(digits.project, contents, *answered, kinds)
    pooled = reference_sketch(digits.project, contents, *answered)
    assert len(known.groups) == 2 and pooled.groups == ()
    assert Sketch.from_json(known.to_json()) == known

    def score(reference: Sketch, rows: np.ndarray) -> float:
        names = ["1"] * len(rows)
        return drift_score(reference, window_sketch(reference, digits.project, rows, names, np.full(len(rows), 0.9))).score

    normal = digits.window()[0].astype(np.uint8)
    broken = drifted(digits.window()[0], seed=4)
    windows = {share: np.concatenate([normal[: 200 - share], broken[:share]]) for share in (0, 30, 100, 200)}
    for share, rows in windows.items():
        assert score(known, rows) < 0.1, share
    assert score(pooled, windows[200]) > 0.2 and score(pooled, windows[0]) > 0.05
    assert score(known, np.rot90(normal, 1, axes=(1, 2))) > 0.2


def test_small_kinds_are_left_out(digits: Digits) -> None:
    contents, labels, probabilities = digits._answered(slice(0, 540))
    kinds = ["dev"] * 535 + ["digits-ops/000001"] * 5
    assert reference_sketch(digits.project, contents, labels, probabilities, kinds).groups == ()
