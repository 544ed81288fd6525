"""How far several people agree about an item, what they agree on, and how well they agree over all items.

Two labels are alike from 0 to 1: the same class or not; numbers by their relative distance; boxes by the F1 of those
that overlap with an IoU of 0.5 or more and have one class; masks by their IoU, averaged over classes; spans by the F1
of those that are the same; answers by the F1 of their characters. An item's agreement is the mean over all pairs of
people. What is agreed on is always a label that a person gave.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from include.data import labels
from include.data.labelling import masks
from include.projects import Project

IOU = 0.5
MIN_SHARED = 2  # items that two people must share before their kappa says something


def similarity(one: str, other: str, project: Project) -> float:
    """Return how alike two labels of an item are, from 0 to 1."""
    if one == other:
        return 1.0
    if project.task == "classification":
        return 0.0
    if project.task == "regression":
        a, b = float(one), float(other)
        return max(0.0, 1 - abs(a - b) / max(abs(a), abs(b)))
    return _ALIKE[project.task](labels.load(one), labels.load(other))


def item_agreement(given: Sequence[str], project: Project) -> float | None:
    """Return the agreement of the labels that different people gave an item; None for fewer than two."""
    if len(given) < 2:
        return None
    if project.task == "classification":
        return sum(n * (n - 1) for n in Counter(given).values()) / (len(given) * (len(given) - 1))
    return fmean(similarity(a, b, project) for a, b in combinations(given, 2))


def consensus(given: Sequence[str], project: Project) -> str | None:
    """Return the label that is most like all others; None where none was given, or as many people say another class."""
    if not given:
        return None
    unlike = Counter(given)
    if len(unlike) == 1:
        return given[0]
    score = {one: sum(similarity(one, other, project) * n for other, n in unlike.items()) for one in unlike}
    best = max(score.values())
    first = [one for one in score if score[one] > best - 1e-9]
    return None if len(first) > 1 and project.task == "classification" else min(first)


def overall(answers: Sequence[Mapping[str, str]], project: Project) -> dict[str, Any]:
    """Return how well people agree over all items.

    Args:
        answers: for each item, label by person.
        project: its task.

    Returns:
        ``items`` (those with two people or more), ``mean`` (of their agreement), ``alpha`` (Krippendorff's, of classes),
        ``people`` (by name: ``answers`` and ``agreement``, how alike their labels are to those of the others) and ``pairs``
        (``people``, ``items`` and Cohen's ``kappa``); numbers that have no meaning are None.
    """
    shared = [one for one in answers if len(one) > 1]
    nominal = project.task == "classification"
    measured = [item_agreement(list(one.values()), project) for one in shared]
    people: defaultdict[str, list[float]] = defaultdict(list)
    counts = Counter(person for one in answers for person in one)
    for one in shared:
        for person, label in one.items():
            people[person].append(fmean(similarity(label, said, project) for who, said in one.items() if who != person))
    return {
        "items": len(shared),
        "mean": round(fmean(m for m in measured if m is not None), 4) if shared else None,
        "alpha": alpha([list(one.values()) for one in shared]) if nominal else None,
        "people": {
            person: {"answers": counts[person], "agreement": round(fmean(people[person]), 4) if people[person] else None}
            for person in sorted(counts)
        },
        "pairs": [_pair(a, b, shared) for a, b in combinations(sorted(counts), 2)] if nominal else [],
    }


def alpha(items: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha of nominal labels: 1 all agree, 0 as by chance; None where all say one class.

    Args:
        items: the labels of each item, at least two each; their numbers may differ.
    """
    totals: Counter[str] = Counter()
    observed = 0.0
    for given in items:
        counts = Counter(given)
        totals.update(counts)
        observed += sum(n * (len(given) - n) for n in counts.values()) / (len(given) - 1)
    every = totals.total()
    expected = sum(n * (every - n) for n in totals.values())
    if not expected:
        return None
    return round(1 - (every - 1) * observed / expected, 4)


def _pair(one: str, other: str, shared: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    import warnings

    from sklearn.metrics import cohen_kappa_score

    both = [(given[one], given[other]) for given in shared if one in given and other in given]
    kappa = None
    if len(both) >= MIN_SHARED and len({label for pair in both for label in pair}) > 1:
        with warnings.catch_warnings(action="ignore"):
            kappa = round(float(cohen_kappa_score(*zip(*both, strict=True))), 4)
    return {"people": [one, other], "items": len(both), "kappa": kappa}


def _boxes(one: list[Any], other: list[Any]) -> float:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if not one or not other:
        return float(len(one) == len(other))
    overlap = np.array([[box_iou(a["box"], b["box"]) if a["class"] == b["class"] else 0.0 for b in other] for a in one])
    overlap[overlap < IOU] = 0.0
    rows, columns = linear_sum_assignment(-overlap)
    return 2 * int((overlap[rows, columns] > 0).sum()) / (len(one) + len(other))


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the share that two boxes [x, y, width, height] have in common of what they cover together."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (one[2] * one[3] + other[2] * other[3] - wide * high)


def _masks(one: dict[str, Any], other: dict[str, Any]) -> float:
    import numpy as np

    if one["size"] != other["size"]:
        return 0.0
    height, width = one["size"]
    names = {part["class"] for part in (*one["masks"], *other["masks"])}
    found = []
    for name in names:
        empty = np.zeros((height, width), dtype=bool)
        a, b = (
            np.logical_or.reduce(
                [empty, *(masks.from_counts(p["counts"], height, width) for p in side["masks"] if p["class"] == name)]
            )
            for side in (one, other)
        )
        together = int((a | b).sum())
        found.append(int((a & b).sum()) / together if together else 1.0)
    return fmean(found) if found else 1.0


def _spans(one: list[Any], other: list[Any]) -> float:
    a, b = ({(s["start"], s["end"], s["class"]) for s in spans} for spans in (one, other))
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


def _texts(one: dict[str, Any], other: dict[str, Any]) -> float:
    a, b = ({p for s in side["answers"] for p in range(s["start"], s["start"] + len(s["text"]))} for side in (one, other))
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


_ALIKE: dict[str, Any] = {"detection": _boxes, "segmentation": _masks, "tagging": _spans, "question_answering": _texts}
