"""Columns in a profile: what each holds, its distribution, what lies far outside, and whether it tells about people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from include.data.privacy import find_personal
from include.explore.book import Book, drawn, histogram, panels, plain, share
from include.explore.measuring import NUMBERS, Measures
from include.explore.texts import safe
from include.projects import Project
from include.projects.content import TableContent
from include.reports import table
from include.reports.letters import spelt
from include.training.drawing import BLUE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FENCE = 1.5  # quartile distances beyond the quartiles: Tukey's outliers
TOP, MOST_PLOTS, BINS = 8, 48, 30
SEARCHED = 500  # values of a column that are searched for personal data
HIDDEN = "about people: not shown"


def describe(name: str, values: pd.Series, kind: str, hidden: bool) -> dict[str, Any]:
    """Return what a column holds.

    Args:
        name: of the column.
        values: of the sample.
        kind: its type, as `include.projects.content.Column` names it.
        hidden: it tells about people: how many values there are, and none of them.

    Returns:
        ``type``, ``count``, ``missing``, ``unique``, and unless hidden of numbers ``mean``, ``deviation``, ``least``,
        ``quantiles``, ``greatest``, ``zeros`` and ``outliers``, of names and texts ``top``, of texts ``characters``.
    """
    known = values.dropna()
    unique = int(known.nunique())
    told: dict[str, Any] = {"type": kind, "count": len(known), "missing": len(values) - len(known), "unique": unique}
    if hidden:
        return told | {"hidden": True}
    if kind in NUMBERS:
        numbers = known.to_numpy(dtype="float64")
        return told | (_numbers(numbers) if len(numbers) else {})
    if kind == "time":
        return told | ({"least": str(known.min()), "greatest": str(known.max())} if len(known) else {})
    said = known.astype(str)
    if kind == "text":
        lengths = said.str.len()
        told["characters"] = plain({"mean": lengths.mean(), "greatest": lengths.max()}) if len(said) else {}
        if personal := _personal(said):
            told["personal"] = personal
        if unique > len(known) / 2:
            return told
    told["top"] = {safe(str(value)): int(times) for value, times in said.value_counts().head(TOP).items()}
    return told


def _numbers(numbers: np.ndarray) -> dict[str, Any]:
    import numpy as np

    low, *_, high = found = np.quantile(numbers, QUANTILES)
    left, right = found[1], found[3]
    reach = FENCE * (right - left)
    outside = int(((numbers < left - reach) | (numbers > right + reach)).sum()) if reach > 0 else 0
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    told = {"mean": numbers.mean(), "deviation": deviation, "least": numbers.min(), "greatest": numbers.max()}
    quantiles = {f"{100 * at:g} %": float(value) for at, value in zip(QUANTILES, found, strict=True)}
    assert low <= high
    return {**plain(told), "quantiles": quantiles, "zeros": int((numbers == 0).sum()), "outliers": outside}


def _personal(said: pd.Series) -> dict[str, int]:
    """Return what kinds of personal data patterns find in values, and in how many of those searched."""
    some = said.iloc[:: max(1, len(said) // SEARCHED)][:SEARCHED]
    return dict(Counter(kind for value in some for kind in {one.kind for one in find_personal(value)}))


def tell(book: Book, project: Project, measures: Measures, whole: bool) -> None:
    """Write the sections about columns: a table, numbers, frequent values, distributions."""
    found = {name: describe(name, measures.frame[name], kind, name in measures.hidden) for name, kind in measures.types.items()}
    book.facts["columns"] = found
    form = project.data.content
    declared = form.columns if isinstance(form, TableContent) else {}
    rows = []
    for place, (name, one) in enumerate(found.items(), 1):
        whose = "declared" if name in declared and declared[name].personal else "masked" if one.get("hidden") else ""
        kinds = ", ".join(f"{kind} in {times}" for kind, times in one.get("personal", {}).items())
        flag: Any = (f"found: {kinds}", "bad") if kinds else (whose, "warn") if whose else ""
        missing = f"{one['missing']:,} ({share(one['missing'], one['missing'] + one['count'])})"
        rows.append(
            (place, name, one["type"], one["count"], (missing, "warn") if one["missing"] else missing, one["unique"], flag)
        )
        book.number(f"missing_share/{name}", one["missing"] / max(one["missing"] + one["count"], 1))
        for figure in ("mean", "deviation") if one["type"] in NUMBERS and not one.get("hidden") else ():
            book.number(f"{figure}/{name}", one.get(figure))
    about = "" if whole else "Of the sample; counts above are of all items."
    head = ("#", "column", "type", "values", "missing", "different", "personal data")
    book.add("Columns", about, table(head, rows))
    _numbers_table(book, found)
    tops = [
        (name, ", ".join(f"{value} ({times:,})" for value, times in one["top"].items()))
        for name, one in found.items()
        if one.get("top")
    ]
    if tops:
        book.add("Frequent values", table(("column", "values"), tops))
    _histograms(book, measures, found)


def _numbers_table(book: Book, found: dict[str, dict[str, Any]]) -> None:
    rows = []
    for place, (name, one) in enumerate(found.items(), 1):
        if "quantiles" in one:
            outside: Any = f"{one['outliers']:,} ({share(one['outliers'], one['count'])})"
            quantiles = one["quantiles"].values()
            rows.append(
                (place, name, one["mean"], one["deviation"], one["least"], *quantiles, one["greatest"], one["zeros"], outside)
            )
    if rows:
        head = (
            "#",
            "column",
            "mean",
            "deviation",
            "least",
            *(f"{100 * at:g} %" for at in QUANTILES),
            "greatest",
            "zeros",
            "outliers",
        )
        note = f"Outliers lie more than {FENCE} quartile distances beyond the quartiles."
        book.add("Numbers", table(head, rows), note)


def _histograms(book: Book, measures: Measures, found: dict[str, dict[str, Any]]) -> None:
    import numpy as np

    names = list(found)
    shown = dict(zip(names, spelt(names), strict=True))
    wanted = [name for name in names if "quantiles" in found[name] or len(found[name].get("top", {})) > 1][:MOST_PLOTS]
    if not wanted:
        return
    with panels(len(wanted)) as (figure, axes):
        for one, name in zip(axes, wanted, strict=True):
            if "quantiles" in found[name]:
                histogram(one, measures.frame[name].dropna().to_numpy(dtype=np.float64), BINS)
            else:
                top = found[name]["top"]
                one.barh(spelt(list(top), 14)[::-1], list(top.values())[::-1], color=BLUE)
            one.set_title(shown[name], fontsize=9)
        left = f"{len(names) - len(wanted)} columns have none." if len(wanted) < len(names) else ""
        book.add("Distributions", book.plot("distributions", drawn(figure)), left)
