"""What a model's input looks like, small enough to keep with the model and exact to merge.

A sketch counts rows in bins: one histogram a feature, the predicted labels, the confidences. The bins come
from the reference rows (ten quantiles, and a bin of its own for a value that many rows share), so a window
of production rows needs one pass and no memory of the rows. All counts are integers: the sketch of two
parts, added, equals the sketch of the whole, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from include.monitoring.errors import MonitoringError
from include.projects.project import Project

VERSION = 1
BINS = 10
CONFIDENCE_BINS = 20
MILLION = 1_000_000
CHUNK_ROWS = 4096


@dataclass(frozen=True)
class NoDrift:
    """What the drift score does when nothing has changed, by seeded bootstrap of the reference rows.

    Attributes:
        rows: rows of a window in the bootstrap.
        bias: mean PSI of each feature without drift; subtracted from what a window shows.
        quantile_99: score that one window in a hundred without drift exceeds.
        draws: windows drawn.
        seed: seed of the draws.
    """

    rows: int
    bias: tuple[float, ...]
    quantile_99: float
    draws: int
    seed: int


@dataclass(frozen=True, eq=False)
class Sketch:
    """Counts of rows in the bins of a reference; immutable.

    Attributes:
        features: names of the F features.
        classes: names of the C classes.
        edges: for each feature the rising inner edges of its bins; a value equal to an edge is right of it.
        rows: rows counted.
        counts: int64 (F, widest + 1); the last column counts what is not a finite number.
        labels: int64 (C + 1); the last counts labels outside `classes`.
        confidence: int64 (CONFIDENCE_BINS + 1) over 0..1; the last counts what is no probability.
        confidence_millionths: sum of all valid confidences, as an integer so that merging stays exact.
        no_drift: calibration; only a reference has one.
        groups: counts of each kind of rows that a reference is made of, where it is made of more than one.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    rows: int
    counts: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    confidence_millionths: int
    no_drift: NoDrift | None = None
    groups: tuple[np.ndarray, ...] = ()

    @classmethod
    def empty(cls, features: Sequence[str], classes: Sequence[str], edges: Sequence[Sequence[float]]) -> Sketch:
        """Return a sketch with these bins and no rows."""
        widest = max((len(e) for e in edges), default=0) + 1
        return cls(
            features=tuple(features),
            classes=tuple(classes),
            edges=tuple(tuple(map(float, e)) for e in edges),
            rows=0,
            counts=np.zeros((len(features), widest + 1), np.int64),
            labels=np.zeros(len(classes) + 1, np.int64),
            confidence=np.zeros(CONFIDENCE_BINS + 1, np.int64),
            confidence_millionths=0,
        )

    def blank(self) -> Sketch:
        """Return a sketch with the same bins and no rows, for a window to be compared with this one."""
        return Sketch.empty(self.features, self.classes, self.edges)

    def add(self, values: np.ndarray, labels: np.ndarray, confidence: np.ndarray) -> Sketch:
        """Return this sketch with more rows counted.

        Args:
            values: features, float (n, F); NaN and infinities are counted apart.
            labels: predicted class indices, int (n,); any index outside the classes is counted as unknown.
            confidence: highest probability of each row, float (n,).

        Raises:
            MonitoringError: the shapes do not fit together or the bins.
        """
        values = np.asarray(values, np.float64)
        n, labels, confidence = len(values), np.asarray(labels), np.asarray(confidence, np.float64)
        if values.shape != (n, len(self.features)) or labels.shape != (n,) or confidence.shape != (n,):
            raise MonitoringError(
                f"values {values.shape}, labels {labels.shape} and confidence {confidence.shape} do not fit "
                f"(n, {len(self.features)}), (n,) and (n,): give one row of features, one label and one probability for each item"
            )
        codes = self.codes(values)
        known = (labels >= 0) & (labels < len(self.classes))
        kinds = np.where(known, labels, len(self.classes)).astype(np.int64)
        valid = np.isfinite(confidence) & (confidence >= 0) & (confidence <= 1 + 1e-6)
        inside = np.minimum(np.where(valid, confidence, 0) * CONFIDENCE_BINS, CONFIDENCE_BINS - 1)
        bins = np.where(valid, inside, CONFIDENCE_BINS).astype(np.int64)
        return replace(
            self,
            rows=self.rows + n,
            counts=self.counts + count_codes(codes, self.counts.shape[1]),
            labels=self.labels + np.bincount(kinds, minlength=len(self.labels)),
            confidence=self.confidence + np.bincount(bins, minlength=CONFIDENCE_BINS + 1),
            confidence_millionths=self.confidence_millionths + int(np.rint(confidence[valid] * MILLION).astype(np.int64).sum()),
            no_drift=None,
            groups=(),
        )

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value, int64 (n, F); what is not finite gets the last bin."""
        codes = np.empty(values.shape, np.int64)
        for j, edges in enumerate(self.edges):
            codes[:, j] = np.searchsorted(edges, values[:, j], side="right")
        codes[~np.isfinite(values)] = self.counts.shape[1] - 1
        return codes

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of the rows of both.

        Raises:
            MonitoringError: the two have other bins.
        """
        if (self.features, self.classes, self.edges) != (other.features, other.classes, other.edges):
            raise MonitoringError(
                "two sketches with different features, classes or bins cannot be added: make both from one reference"
            )
        return replace(
            self,
            rows=self.rows + other.rows,
            counts=self.counts + other.counts,
            labels=self.labels + other.labels,
            confidence=self.confidence + other.confidence,
            confidence_millionths=self.confidence_millionths + other.confidence_millionths,
            no_drift=None,
            groups=(),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @property
    def mean_confidence(self) -> float | None:
        """Mean of the valid confidences; None without any."""
        n = int(self.confidence[:-1].sum())
        return self.confidence_millionths / MILLION / n if n else None

    def to_dict(self) -> dict[str, Any]:
        """Return the sketch as plain JSON values; `from_dict` gives it back exactly."""
        return {
            "version": VERSION,
            "rows": self.rows,
            "classes": list(self.classes),
            "features": [
                {"name": name, "edges": list(edges), "counts": counts}
                for name, edges, counts in zip(self.features, self.edges, self._rows(self.counts), strict=True)
            ],
            "groups": [self._rows(group) for group in self.groups],
            "labels": self.labels.tolist(),
            "confidence": {"counts": self.confidence.tolist(), "sum_millionths": self.confidence_millionths},
            "no_drift": None if self.no_drift is None else {**vars(self.no_drift), "bias": list(self.no_drift.bias)},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Sketch:
        """Rebuild a sketch from `to_dict`.

        Raises:
            MonitoringError: another version, or not a sketch.
        """
        if not isinstance(data, dict) or data.get("version") != VERSION:
            found = data.get("version") if isinstance(data, dict) else type(data).__name__
            raise MonitoringError(f"not a sketch of version {VERSION} (found {found!r}): train and register the model again")
        try:
            features = data["features"]
            blank = cls.empty([f["name"] for f in features], data["classes"], [f["edges"] for f in features])
            blank._fill(blank.counts, [feature["counts"] for feature in features])
            groups = tuple(np.zeros_like(blank.counts) for _ in data["groups"])
            for group, rows in zip(groups, data["groups"], strict=True):
                blank._fill(group, rows)
            for into, found in ((blank.labels, data["labels"]), (blank.confidence, data["confidence"]["counts"])):
                if len(found) != len(into):
                    raise ValueError(f"{len(found)} counts where {len(into)} belong")
                into[:] = found
            null = data["no_drift"]
            return replace(
                blank,
                rows=int(data["rows"]),
                confidence_millionths=int(data["confidence"]["sum_millionths"]),
                no_drift=None if null is None else NoDrift(**{**null, "bias": tuple(null["bias"])}),
                groups=groups,
            )
        except (KeyError, TypeError, ValueError, IndexError) as cause:
            raise MonitoringError(f"damaged sketch ({cause!r}): build the release again from the model's run") from cause

    def _rows(self, counts: np.ndarray) -> list[list[int]]:
        """Return counts as one list a feature: its own bins, and what is not finite."""
        return [[*row[: len(edges) + 1], row[-1]] for edges, row in zip(self.edges, counts.tolist(), strict=True)]

    def _fill(self, counts: np.ndarray, rows: list[list[int]]) -> None:
        """Put back what `_rows` gave."""
        for j, (edges, (*row, missing)) in enumerate(zip(self.edges, rows, strict=True)):
            if len(row) != len(edges) + 1:
                raise ValueError(f"feature {self.features[j]!r} has {len(row)} counts for {len(edges)} edges")
            counts[j, : len(row)] = row
            counts[j, -1] = missing

    def to_json(self) -> str:
        """Return the sketch as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Sketch:
        """Rebuild a sketch from `to_json`.

        Raises:
            MonitoringError: no JSON, another version, or not a sketch.
        """
        try:
            return cls.from_dict(json.loads(text))
        except ValueError as cause:
            raise MonitoringError(f"a sketch must be JSON: {cause}; build the release again from the model's run") from cause


def count_codes(codes: np.ndarray, width: int) -> np.ndarray:
    """Count bins a feature: codes int (n, F) below ``width`` -> int64 (F, width)."""
    features = codes.shape[1]
    flat = np.bincount((codes + np.arange(features) * width).ravel(), minlength=features * width)
    return flat.reshape(features, width).astype(np.int64)


def choose_edges(values: np.ndarray) -> list[float]:
    """Return the inner bin edges of one feature.

    Quantiles of the finite values; a value that more than one row in `BINS` shares (a constant, a count)
    is fenced into a bin of its own, so that a move away from it shows to both sides.

    Args:
        values: float (n,).
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return []
    unique, counts = np.unique(finite, return_counts=True)
    edges = np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    for atom in unique[counts * BINS > len(finite)]:
        fence = 1e-9 * max(1.0, abs(atom))
        edges = np.concatenate([edges[np.abs(edges - atom) > fence], [atom - fence, atom + fence]])
    edges = np.unique(edges)
    return edges[np.isfinite(edges)].tolist()


def measure(project: Project, contents: Any) -> tuple[list[str], np.ndarray]:
    """Run the project's features component.

    Args:
        project: the project.
        contents: n items: an array of any number type (n, *shape), texts (n,), columns by name, or a DataFrame of rows.

    Returns:
        The F names and the values, float64 (n, F).

    Raises:
        MonitoringError: the component gives something else than names and an (n, F) array.
    """
    features = project.component("features")
    parts, names = [], []
    is_array = project.data.content.kind == "array"
    if project.data.content.kind == "table" and not isinstance(contents, dict):
        from include.training.preparation import columns

        contents = columns(contents, project)
    rows = len(next(iter(contents.values()))) if isinstance(contents, dict) else len(contents)
    for start in range(0, max(rows, 1), CHUNK_ROWS):
        # The same number type for training items (uint8) and for logged inputs (JSON numbers).
        chunk = _lot(contents, start) if not is_array else np.asarray(contents[start : start + CHUNK_ROWS], np.float64)
        wanted = min(CHUNK_ROWS, rows - start)
        names, values = features(chunk)
        values = np.asarray(values, np.float64)
        if values.shape != (wanted, len(names)) or len(set(names)) != len(names) or not names:
            raise MonitoringError(
                f"project {project.name}: components.features must return F different names and an (n, F) array; "
                f"for {wanted} items it gave {len(names)} names and shape {values.shape}"
            )
        parts.append(values)
    return list(names), np.concatenate(parts)


def _lot(contents: Any, start: int) -> Any:
    if isinstance(contents, dict):
        return {name: column[start : start + CHUNK_ROWS] for name, column in contents.items()}
    return contents[start : start + CHUNK_ROWS]
