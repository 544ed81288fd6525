"""Clustering: estimators that put items into clusters, new ones too, and what is measured of the clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training.errors import InputError, TrainingError
from include.training.estimators import Estimator, EstimatorLearner, as_onnx, seeded
from include.training.learners import Epoch, Files, Learner, build
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

ROWS = 2000  # that distances between all pairs are computed of
REFITS = 8  # models of resampled rows that stability compares with


class Clusters(Estimator):
    """A clustering; it answers with memberships, which add up to 1."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return memberships (n, clusters): probabilities of a mixture, else by distance to each centre."""
        import numpy as np

        flat = inputs.reshape(len(inputs), -1)
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(flat), dtype=np.float32)
        far = np.asarray(self.estimator.transform(flat), dtype=np.float64)
        near = np.exp(far.min(1, keepdims=True) - far)
        return (near / near.sum(1, keepdims=True)).astype(np.float32)

    def export(self, example: np.ndarray, path: Path) -> None:
        """Write it as ONNX; the softmax of its outputs are the memberships."""
        width = self.predict(example[:1]).shape[1]
        as_onnx(self.estimator, example, path, width, "Log" if hasattr(self.estimator, "predict_proba") else "Neg")


class ClusterLearner(Learner):
    """Fits clusterings as scikit-learn has them, of those that can tell the cluster of a new item."""

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Clusters:
        """Fit in one go; arguments as of `Learner.fit`."""
        if initial:
            raise InputError(f"a clustering of {project.name} cannot go on from a trained one: fit it without start_from")
        flat = {name: parts[name].inputs.reshape(len(parts[name].inputs), -1) for name in ("train", "validation")}
        estimator = seeded(build(project, params), seed)
        try:
            estimator.fit(flat["train"])
        except (ValueError, FloatingPointError) as cause:
            raise TrainingError(f"the clustering of {project.name} cannot be fitted with {dict(params)}: {cause}") from cause
        found = Clusters(estimator, project.task, [], 1)
        measured = {name: quality(inputs, found.predict(inputs)) for name, inputs in flat.items()}
        held = {name: value if math.isfinite(value) else worst for (name, worst), value in _worst(measured["validation"])}
        epoch = {"epoch": 1, "train_loss": 1 - measured["train"]["silhouette"], "validation_loss": 1 - held["silhouette"]}
        found.history.append({**epoch, **{f"validation_{name}": value for name, value in held.items()}})
        if on_epoch:
            on_epoch(found.history[-1])
        return found

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Clusters:
        """Bring a clustering back."""
        return Clusters(EstimatorLearner().load(project, params, files).estimator, project.task, [], 0)


def quality(inputs: np.ndarray, memberships: np.ndarray) -> dict[str, float]:
    """Return silhouette and Davies-Bouldin index of a clustering; NaN where all items lie in one cluster, or each in its own.

    Args:
        inputs: (n, ...); of more than 2,000 a seeded sample is taken.
        memberships: (n, clusters).
    """
    import numpy as np
    from sklearn.metrics import davies_bouldin_score

    rows = _sample(len(inputs))
    flat, places = inputs[rows].reshape(len(rows), -1), memberships[rows].argmax(1)
    if not 1 < len(np.unique(places)) < len(rows):
        return {"silhouette": math.nan, "davies_bouldin": math.nan}
    return {"silhouette": float(silhouettes(flat, places).mean()), "davies_bouldin": float(davies_bouldin_score(flat, places))}


def silhouettes(inputs: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the silhouette of each item, -1 to 1."""
    import numpy as np
    from sklearn.metrics import silhouette_samples

    return np.asarray(silhouette_samples(inputs.reshape(len(inputs), -1), places), dtype=np.float64)


def adjusted_rand(labels: np.ndarray, outputs: np.ndarray) -> float:
    """Return the adjusted Rand index of clusters with labels; NaN where fewer than two labels are known."""
    from sklearn.metrics import adjusted_rand_score

    known = labels >= 0
    if known.sum() < 2:
        return math.nan
    return float(adjusted_rand_score(labels[known], outputs[known].argmax(1)))


def stability(project: Project, params: Mapping[str, Any], found: Clusters, train: np.ndarray, test: np.ndarray) -> list[float]:
    """Return the adjusted Rand index, on the test part, of models of resampled training rows with the model itself."""
    import numpy as np
    from sklearn.metrics import adjusted_rand_score

    own, flat = found.predict(test).argmax(1), train.reshape(len(train), -1)
    alike = []
    for seed in range(REFITS):
        rows = np.random.default_rng([project.training.seed, seed]).integers(0, len(flat), len(flat))
        other = Clusters(seeded(build(project, params), seed).fit(flat[rows]), project.task, [], 1)
        alike.append(float(adjusted_rand_score(own, other.predict(test).argmax(1))))
    return alike


def halves(train: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return memberships by the simplest clustering: the two halves of the direction in which the training part varies most."""
    import numpy as np
    from sklearn.decomposition import PCA

    direction = PCA(1, random_state=0).fit(train.reshape(len(train), -1))
    middle = np.median(direction.transform(train.reshape(len(train), -1)))
    return np.eye(2, dtype=np.float32)[(direction.transform(part.reshape(len(part), -1))[:, 0] > middle).astype(int)]


def _worst(measured: Mapping[str, float]) -> list[tuple[tuple[str, float], float]]:
    worst = {"silhouette": -1.0, "davies_bouldin": 1e6}
    return [((name, worst[name]), value) for name, value in measured.items()]


def _sample(count: int) -> np.ndarray:
    import numpy as np

    if count <= ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, ROWS, replace=False))
