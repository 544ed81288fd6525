"""Named transforms of features: fitted on the training part alone, kept with the model, applied the same everywhere.

This module is copied into a release's package and runs inside the model server too: numpy alone, 1.26 or newer, and
nothing of the product. Values are what one column holds, an array (n,): numbers with NaN where one is missing, or texts
with None; or whole items, an array (n, ...) or texts (n,). A state is what JSON can hold.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from typing import Any, Protocol

import numpy as np

State = dict[str, Any]
WORD = re.compile(r"[^\W_]+", re.UNICODE)
HANGUL = re.compile(r"[가-힣]")


class Transform(Protocol):
    """Turns values into features."""

    def fit(self, values: np.ndarray, **params: Any) -> State:
        """Return what was learnt from the values of the training part."""

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return features float32 (n, k) of values (n, ...)."""

    def names(self, column: str, state: State) -> list[str]:
        """Return the names of the k features."""


class StandardScale:
    """Subtract the mean and divide by the standard deviation; a missing number becomes the mean."""

    def fit(self, values: np.ndarray) -> State:
        """Learn mean and standard deviation."""
        known = _numbers(values)
        known = known[np.isfinite(known)]
        mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)
        return {"mean": mean, "deviation": deviation if deviation > 0 else 1.0}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, 1)."""
        numbers = _numbers(values)
        scaled = (np.where(np.isfinite(numbers), numbers, state["mean"]) - state["mean"]) / state["deviation"]
        return scaled.astype(np.float32)[:, np.newaxis]

    def names(self, column: str, state: State) -> list[str]:
        """Return the column's name."""
        return [column]


class QuantileScale:
    """Replace a number by its rank among the training part's, 0 to 1; a missing number becomes a half."""

    def fit(self, values: np.ndarray, *, points: int = 101) -> State:
        """Learn the quantiles."""
        known = _numbers(values)
        known = known[np.isfinite(known)]
        at = np.linspace(0, 1, max(int(points), 2))
        return {"quantiles": [float(q) for q in np.quantile(known, at)] if len(known) else [0.0, 1.0]}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, 1)."""
        edges, numbers = np.array(state["quantiles"]), _numbers(values)
        ranks = np.interp(numbers, edges, np.linspace(0, 1, len(edges)))
        return np.where(np.isfinite(numbers), ranks, 0.5).astype(np.float32)[:, np.newaxis]

    def names(self, column: str, state: State) -> list[str]:
        """Return the column's name."""
        return [column]


class Missing:
    """One where a value is missing, else zero."""

    def fit(self, values: np.ndarray) -> State:
        """Learn nothing."""
        return {}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, 1)."""
        gone = (
            ~np.isfinite(_numbers(values)) if values.dtype.kind in "fiub" else np.array([v is None for v in values], dtype=bool)
        )
        return gone.astype(np.float32)[:, np.newaxis]

    def names(self, column: str, state: State) -> list[str]:
        """Return the column's name with a mark."""
        return [f"{column} is missing"]


class OneHot:
    """A one at the place of the value; values that are rare or were never seen share the last place."""

    def fit(self, values: np.ndarray, *, most: int = 50, least: int = 1) -> State:
        """Learn the ``most`` frequent values that occur ``least`` times."""
        counts = Counter(str(value) for value in values if value is not None)
        common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: int(most)]
        return {"values": sorted(value for value, count in common if count >= int(least))}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, values + 1)."""
        place = {value: number for number, value in enumerate(state["values"])}
        found = np.zeros((len(values), len(place) + 1), dtype=np.float32)
        found[np.arange(len(values)), [place.get(str(value), len(place)) for value in values]] = 1
        return found

    def names(self, column: str, state: State) -> list[str]:
        """Return one name a value."""
        return [*(f"{column} = {value}" for value in state["values"]), f"{column} = other"]


class BagOfWords:
    """TF-IDF of the words of a text, with pairs of syllables for Hangul, whose words take endings."""

    def fit(self, values: np.ndarray, *, features: int = 2000, least: int = 2) -> State:
        """Learn the ``features`` most frequent terms that occur in ``least`` texts, and how rare each is."""
        seen: Counter[str] = Counter()
        for value in values:
            seen.update(set(terms(value)))
        chosen = sorted(((term, count) for term, count in seen.items() if count >= int(least)), key=lambda p: (-p[1], p[0]))
        kept = sorted(chosen[: int(features)])
        total = max(len(values), 1)
        return {"terms": [t for t, _ in kept], "weights": [round(math.log((1 + total) / (1 + c)) + 1, 6) for _, c in kept]}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, terms), each row of length one."""
        place = {term: number for number, term in enumerate(state["terms"])}
        found = np.zeros((len(values), max(len(place), 1)), dtype=np.float32)
        for row, value in enumerate(values):
            for term, count in Counter(terms(value)).items():
                if term in place:
                    found[row, place[term]] = count * state["weights"][place[term]]
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(length > 0, length, 1).astype(np.float32)

    def names(self, column: str, state: State) -> list[str]:
        """Return the terms."""
        return [f"{column}: {term}" for term in state["terms"]] or [f"{column}: nothing"]


class Tokens:
    """A text as a row of numbers: one for each known term, others by one of some shared places; zero fills up."""

    def fit(self, values: np.ndarray, *, length: int = 64, vocabulary: int = 4000, shared: int = 64) -> State:
        """Learn the ``vocabulary`` most frequent terms."""
        seen: Counter[str] = Counter(term for value in values for term in terms(value))
        chosen = sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))[: int(vocabulary)]
        return {"terms": sorted(term for term, _ in chosen), "length": int(length), "shared": int(shared)}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, length): whole numbers as float32, 0 is nothing, then shared places, then terms."""
        begin = 1 + state["shared"]
        place = {term: begin + number for number, term in enumerate(state["terms"])}
        found = np.zeros((len(values), state["length"]), dtype=np.float32)
        for row, value in enumerate(values):
            for column, term in enumerate(terms(value)[: state["length"]]):
                found[row, column] = place.get(term) or 1 + _hash(term) % max(state["shared"], 1)
        return found

    def names(self, column: str, state: State) -> list[str]:
        """Return the places."""
        return [f"{column} term {place + 1}" for place in range(state["length"])]


class Flat:
    """Numbers as they are, an item as one row."""

    def fit(self, values: np.ndarray) -> State:
        """Learn how many numbers an item has."""
        return {"size": int(np.prod(values.shape[1:]))}

    def apply(self, values: np.ndarray, state: State) -> np.ndarray:
        """Return (n, size)."""
        return np.asarray(values, dtype=np.float32).reshape(len(values), state["size"])

    def names(self, column: str, state: State) -> list[str]:
        """Return the places."""
        return [f"{column} {place}" for place in range(state["size"])]


TRANSFORMS: dict[str, Any] = {  # each a `Transform`, with parameters of its own
    "standard_scale": StandardScale(),
    "quantile_scale": QuantileScale(),
    "missing": Missing(),
    "one_hot": OneHot(),
    "bag_of_words": BagOfWords(),
    "tokens": Tokens(),
    "flat": Flat(),
}


def terms(value: Any) -> list[str]:
    """Return the terms of a text in order: words in lower case, and of Hangul words each pair of syllables."""
    found: list[str] = []
    for word in WORD.findall(unicodedata.normalize("NFC", str(value or "")).lower()):
        if len(word) > 2 and HANGUL.search(word):
            found += [word[place : place + 2] for place in range(len(word) - 1)]
        else:
            found.append(word[:40])
    return found


def transform(values: Any, steps: list[dict[str, Any]]) -> np.ndarray:
    """Return the features of items: those of each fitted step side by side.

    Args:
        values: columns by name for rows of a table, else the items.
        steps: fitted: ``use``, ``columns`` (empty: the items themselves) and ``states``, one a column.

    Returns:
        float32 (n, features).

    Raises:
        ValueError: a column is not there.
    """
    found = []
    for step in steps:
        for column, state in zip(step["columns"] or [""], step["states"], strict=True):
            if column and column not in values:
                raise ValueError(f"there is no column {column!r}")
            found.append(TRANSFORMS[step["use"]].apply(values[column] if column else values, state))
    return np.ascontiguousarray(np.concatenate(found, axis=1), dtype=np.float32)


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.asarray([math.nan if value is None else value for value in values], dtype=np.float64)


def _hash(term: str) -> int:
    return int.from_bytes(hashlib.sha256(term.encode()).digest()[:4], "big")
