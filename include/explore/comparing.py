"""Two versions side by side: how far each column and the classes moved.

PSI and its bins are those by which drift of production is told (`include.monitoring`), without its correction for
chance, beside the Kolmogorov-Smirnov distance of numbers and the Jensen-Shannon distance of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.data import compare_versions
from include.explore.book import Book, drawn, histogram, panels
from include.explore.measuring import NUMBERS, Measures
from include.explore.reading import Drawn
from include.monitoring.drift import psi
from include.monitoring.sketch import choose_edges
from include.projects import Project
from include.reports import table
from include.reports.letters import spelt
from include.settings import Settings
from include.training.drawing import BLUE, ORANGE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CLEAR, SOME = 0.2, 0.1  # PSI: a clear move, and one to look at
MOST_PLOTS, BINS = 24, 30


def tell(settings: Settings, book: Book, project: Project, now: Drawn, ours: Measures, then: Drawn, theirs: Measures) -> None:
    """Write the sections about what differs from another version.

    Args:
        settings: the data servers, for the comparison item by item.
        book: takes them.
        project: whose.
        now: the version of the profile.
        ours: its figures.
        then: the other version.
        theirs: its figures.
    """
    first, second = then.version["version"], now.version["version"]
    rows: list[tuple[str, Any, Any]] = [("items", then.counts.items, now.counts.items)]
    rows += [("with label", then.counts.labelled, now.counts.labelled)]
    pieces: list[Any] = [table(("what", first, second), rows)]
    if now.part == then.part == "whole":
        whole = compare_versions(settings, project, then.version, now.version)
        kinds = ("added", "removed", "changed", "relabelled")
        pieces.append(table(("items", "how many"), [(kind, whole[kind]) for kind in kinds]))
        book.facts["compared_items"] = {kind: whole[kind] for kind in kinds}
    moved = distances(theirs, ours)
    told = [_row(name, one) for name, one in moved.items()]
    if now.counts.classes and then.counts.classes:
        classes = _names(dict(then.counts.classes), dict(now.counts.classes))
        told.insert(0, _row("classes", classes))
        moved = {"classes": classes, **moved}
    head = (
        "column",
        "PSI",
        "KS",
        "p of KS",
        "JS",
        f"mean, {first}",
        f"mean, {second}",
        f"missing, {first}",
        f"missing, {second}",
    )
    note = f"PSI above {CLEAR} is a clear move, above {SOME} one to look at."
    pieces += [note, table(head, told)] if told else []
    book.facts["compared_with"] = {"version": first, "commit": then.version["commit"], "columns": moved}
    for name, one in moved.items():
        book.number(f"psi/{name}", one["psi"])
    if content := _plot(theirs, ours, list(moved), (first, second)):
        pieces.append(book.plot("compared", content, f"{first} orange, {second} blue"))
    book.add(f"Against {first}", *pieces)


def distances(then: Measures, now: Measures) -> dict[str, dict[str, Any]]:
    """Return how far each column that both have, and whose values may be shown, moved."""
    found: dict[str, dict[str, Any]] = {}
    for name in now.of_type(*NUMBERS, "category", "boolean"):
        if name not in then.types:
            continue
        before, after = then.frame[name], now.frame[name]
        if not before.notna().any() or not after.notna().any():
            continue
        if now.types[name] in NUMBERS:
            found[name] = _numbers(before, after)
        else:
            found[name] = _names(before.value_counts().to_dict(), after.value_counts().to_dict())
        found[name] |= {"missing": [round(float(one.isna().mean()), 6) for one in (before, after)]}
    return found


def _numbers(before: pd.Series, after: pd.Series) -> dict[str, Any]:
    import numpy as np
    from scipy.stats import ks_2samp

    old, new = (one.dropna().to_numpy(dtype=np.float64) for one in (before, after))
    edges = choose_edges(old)
    counts = [np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) for values in (old, new)]
    tested = ks_2samp(old, new)
    return {
        "psi": _psi(*counts),
        "ks": round(float(tested.statistic), 4),
        "p": float(f"{tested.pvalue:.3g}"),
        "means": [float(old.mean()), float(new.mean())],
    }


def _names(before: Mapping[Any, int], after: Mapping[Any, int]) -> dict[str, Any]:
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    every = sorted({*map(str, before), *map(str, after)})
    old, new = ({str(name): times for name, times in counts.items()} for counts in (before, after))
    counts = [np.array([one.get(name, 0) for name in every]) for one in (old, new)]
    apart = float(jensenshannon(*counts, base=2))
    return {"psi": _psi(*counts), "js": round(apart, 4) if apart == apart else 0.0}


def _psi(before: np.ndarray, after: np.ndarray) -> float:
    import numpy as np

    return round(float(psi(before, after, np.ones(len(before), dtype=bool))), 4)


def _row(name: str, one: Mapping[str, Any]) -> tuple[Any, ...]:
    size: Any = (f"{one['psi']:.3f}", "bad" if one["psi"] > CLEAR else "warn" if one["psi"] > SOME else "good")
    return (name, size, one.get("ks"), one.get("p"), one.get("js"), *one.get("means", ("", "")), *one.get("missing", ("", "")))


def _plot(then: Measures, now: Measures, names: list[str], versions: tuple[str, str]) -> bytes | None:
    import numpy as np

    wanted = [name for name in names if now.types.get(name) in NUMBERS][:MOST_PLOTS]
    if not wanted:
        return None
    titles = spelt(list(now.types))
    shown = dict(zip(now.types, titles, strict=True))
    with panels(len(wanted)) as (figure, axes):
        for one, name in zip(axes, wanted, strict=True):
            both = [side.frame[name].dropna().to_numpy(dtype=np.float64) for side in (then, now)]
            edges = np.histogram_bin_edges(np.concatenate(both), BINS)
            for values, colour in zip(both, (ORANGE, BLUE), strict=True):
                histogram(one, values, edges, colour, line=True)
            one.set_title(shown[name], fontsize=9)
        return drawn(figure)
