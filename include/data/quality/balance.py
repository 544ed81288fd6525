"""Labels: how often each class occurs, whether a label fits what it labels, whether equal items have equal ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.data import labels
from include.data.quality.columns import ID, LABEL, Columns
from include.data.quality.verdicts import Verdict, share, verdict
from include.projects import Project
from include.projects.quality import Quality

if TYPE_CHECKING:
    import numpy as np

RATIO = 20.0  # of the most frequent class to the rarest: a warning from here on
SHARE = 0.01
SHOWN = 60


def counts(columns: Columns, project: Project) -> Counter[str]:
    """Return how often each class occurs, those that do not included; empty for tasks without classes."""
    import pyarrow.compute as pc

    found: Counter[str] = Counter(dict.fromkeys(project.classes, 0))
    for row in pc.value_counts(columns.arrow(LABEL)).to_pylist():
        if row["values"] is not None:
            for name in labels.classes_of(row["values"], project):
                found[name] += row["counts"]
    return found


def balance(found: Counter[str], quality: Quality, gate: bool) -> Iterator[Verdict]:
    """Yield the verdicts about the classes: ratio and share; nothing where no item has a class.

    Args:
        found: how often each class occurs.
        quality: its limits.
        gate: False makes them warnings: of rounds that come as they come.
    """
    total = found.total()
    if not total or len(found) < 2:
        return
    (most, many), (least, few) = found.most_common()[0], min(found.items(), key=lambda one: (one[1], one[0]))
    rare = [f"{name}: {count}" for name, count in sorted(found.items(), key=lambda one: (one[1], one[0]))]
    advice = "Collect more of the rare classes, or less of the frequent ones by a bundle"
    limit = quality.max_class_ratio
    ratio = many / few if few else float("inf")
    said = round(ratio, 3) if few else f"no {least}"
    yield verdict(
        "class_ratio",
        "balance",
        said,
        f"<= {limit or RATIO:g}",
        ratio <= (limit or RATIO),
        gate=gate and limit is not None,
        advice=f"{most} occurs {many} times, {least} {few} times. {advice}",
        examples=rare,
    )
    lowest = quality.min_class_share
    part = few / total
    yield verdict(
        "class_share",
        "balance",
        round(part, 6),
        f">= {lowest if lowest is not None else min(SHARE, 0.1 / len(found)):g}",
        part >= (lowest if lowest is not None else min(SHARE, 0.1 / len(found))),
        gate=gate and lowest is not None,
        advice=advice,
        examples=rare,
    )


def conflicts(columns: Columns, quality: Quality, gate: bool) -> Verdict:
    """Return the verdict about equal items of the round that have different labels."""
    import numpy as np
    import pandas as pd

    ids = columns.arrow(ID).to_numpy()
    codes, _ = pd.factorize(ids)
    said, _ = pd.factorize(columns.arrow(LABEL).to_numpy(), use_na_sentinel=True)
    known = said >= 0
    frame = pd.DataFrame({"item": codes[known], "label": said[known]})
    kinds = frame.groupby("item")["label"].transform("nunique").to_numpy()
    rows = np.flatnonzero(known)[kinds > 1]
    return share(
        "conflicting_labels",
        "labels",
        len(rows),
        columns.count,
        quality.max_conflicts,
        gate=gate,
        advice="Equal items have different labels: look at them, and correct all but one",
        examples=_shown(columns, rows),
    )


def _shown(columns: Columns, rows: np.ndarray) -> list[str]:
    keys, said = columns.keys(rows[:5]), columns.arrow(LABEL)
    return [f"{key}: {str(said[int(row)])[:40]}" for key, row in zip(keys, rows[:5], strict=True)]
