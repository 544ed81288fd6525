"""Counts in a profile: items by class, part, source, round and time, how even classes are, labels that are missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from include.explore.book import Book, drawn, histogram, panels, plain, share
from include.explore.reading import Drawn
from include.projects import Project
from include.reports import bars, table
from include.training.drawing import BLUE, ORANGE

MOST = 40  # bars of one kind
ORDER = {"train": 1, "validation": 2, "test": 3}  # folds come before


def tell(book: Book, project: Project, sample: Drawn) -> None:
    """Write the sections about counts."""
    counts = sample.counts
    missing, repeated = counts.items - counts.labelled, sample.rows.num_rows - len(set(sample.rows["item_id"].to_pylist()))
    rows: list[tuple[str, Any]] = [
        ("items", counts.items),
        ("without label", (f"{missing:,} ({share(missing, counts.items)})", "warn") if missing else 0),
        ("looked at closely", f"{sample.rows.num_rows:,}" + ("" if sample.whole else " by seed; counts are of all items")),
        (
            "repeated contents",
            f"{repeated:,} ({share(repeated, sample.rows.num_rows)} of those looked at)" if repeated else "none",
        ),
    ]
    book.number("items", counts.items)
    book.number("missing_labels", missing)
    book.number("repeated_share", repeated / max(sample.rows.num_rows, 1))
    if counts.classes:
        rows += balance(book, counts.classes)
    book.add("Items", table(("what", "value"), rows))
    if counts.classes:
        ordered = {name: counts.classes[name] for name in [*project.classes, *counts.classes] if name in counts.classes}
        book.add("Classes", bars(dict(list(ordered.items())[:MOST])), _more(len(ordered)))
    if counts.parts:
        order = sorted(counts.parts, key=lambda name: (ORDER.get(name, 0), name))
        book.add("Parts", "Of the newest split of the version:", bars({name: counts.parts[name] for name in order}))
    whence = {name or "not named": times for name, times in counts.sources.most_common(MOST)}
    book.add("Sources and rounds", "Sources:", bars(whence), "Rounds:", bars(dict(sorted(counts.rounds.items())[-MOST:])))
    _time(book, counts.days)
    if project.task == "regression":
        _numbers(book, sample)
    named = ("classes", "rounds", "sources", "parts")
    book.facts |= {"items": counts.items, "labelled": counts.labelled, "sample": sample.rows.num_rows, "repeated": repeated}
    book.facts |= {name: dict(getattr(counts, name)) for name in named}
    book.facts["days"] = {day or "unknown": times for day, times in sorted(counts.days.items(), key=lambda pair: pair[0] or "")}


def balance(book: Book, classes: Mapping[str, int]) -> list[tuple[str, Any]]:
    """Return how even classes are: the largest by the smallest, and Shannon's entropy by that of even classes."""
    total, most, least = sum(classes.values()), max(classes.values()), min(classes.values())
    entropy = -sum(n / total * math.log(n / total) for n in classes.values() if n)
    even = entropy / math.log(len(classes)) if len(classes) > 1 else 0.0
    book.number("class_ratio", most / max(least, 1))
    book.number("class_evenness", even)
    for name, times in classes.items():
        book.number(f"count/{name}", times)
    return [("largest class by the smallest", round(most / max(least, 1), 3)), ("evenness of classes, 0 to 1", round(even, 4))]


def _time(book: Book, days: Counter[str | None]) -> None:
    known = {day: times for day, times in days.items() if day and day != "…"}
    if not known:
        return
    longest = next((n for n in (10, 7, 4) if len({day[:n] for day in known}) <= MOST), 3)
    grouped = Counter[str]()
    for day, times in known.items():
        grouped[day[:longest] + ("0s" if longest == 3 else "")] += times
    unknown = f"{days[None]:,} items have no time." if days.get(None) else ""
    book.add("Time", f"{min(known)} to {max(known)}", bars(dict(sorted(grouped.items())[-MOST:])), unknown)


def _numbers(book: Book, sample: Drawn) -> None:
    """Write about labels that are numbers: their distribution, and how far it is from a normal one."""
    import numpy as np
    from scipy import stats

    values = np.array([float(label) for label in sample.labels if label is not None])
    values = values[np.isfinite(values)]
    if len(values) < 3 or values.std() == 0:
        return
    told = plain(
        {
            "mean": values.mean(),
            "deviation": values.std(ddof=1),
            "least": values.min(),
            "median": np.median(values),
            "greatest": values.max(),
            "skewness": stats.skew(values),
            "kurtosis": stats.kurtosis(values),
        }
    )
    book.facts["label"] = told
    for name, value in told.items():
        book.number(f"label_{name}", value)
    at, straight = stats.probplot(values)
    with panels(2, 2, 4.2, 2.8) as (figure, (left, right)):
        histogram(left, values, 40)
        left.set(title="labels")
        right.plot(*at, ".", color=BLUE, markersize=3)
        right.plot(at[0], straight[0] * np.asarray(at[0]) + straight[1], color=ORANGE)
        right.set(title="against a normal distribution (QQ)", xlabel="normal quantile")
        book.add("Labels", table(("what", "value"), list(told.items())), book.plot("labels", drawn(figure)))


def _more(count: int) -> str:
    return f"{count - MOST} more classes are not shown." if count > MOST else ""
