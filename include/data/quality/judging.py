"""Judging: what was measured of a round against ``data.quality``, as verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from include.data.quality import schema
from include.data.quality.columns import Columns
from include.data.quality.history import Earlier
from include.data.quality.measuring import PLACED, Measures
from include.data.quality.near import Near
from include.data.quality.personal import Found
from include.data.quality.verdicts import EXAMPLES, Verdict, share, verdict
from include.projects import Project
from include.projects.content import TableContent
from include.projects.quality import Quality

if TYPE_CHECKING:
    import numpy as np

OUTLIERS, NEAR, REPEATED = 0.01, 0.05, 0.5  # shares from which on a warning is given
TABLE = {  # kind of check: its name, what it is about, what is wanted, what to do
    "missing": (
        "missing_values",
        "completeness",
        "no column that lacks more values than its max_missing",
        "Complete them at the source, or raise max_missing of these columns",
    ),
    "ranges": ("value_ranges", "ranges", "0 values outside of the range", "Correct them, or the range of these columns"),
    "choices": ("value_choices", "ranges", "0 values that are no choice", "Correct them, or the choices of these columns"),
    "unique": ("unique_values", "uniqueness", "0 values that occur again", "Correct them, or unique of these columns"),
    "patterns": ("text_patterns", "types", "0 texts of another pattern", "Correct them, or data.quality.texts"),
    "lengths": ("text_lengths", "ranges", "0 texts of another length", "Correct them, or data.quality.texts"),
}


def contents(found: Measures, project: Project) -> Iterator[Verdict]:
    """Yield the verdicts about contents: readable, labels inside of them, and the columns of a table."""
    columns, quality, form = found.columns, project.data.quality, project.data.content
    yield share(
        "unreadable",
        "files",
        found.unreadable.count,
        columns.count,
        quality.max_unreadable,
        advice="Mend or leave out these contents at the source",
        examples=found.unreadable.examples(columns),
    )
    if project.task in PLACED:
        yield share(
            "labels_fit_contents",
            "consistency",
            found.mismatch.count,
            columns.count,
            quality.max_label_mismatch,
            advice="These labels reach out of what they label: send the items back to labelling",
            examples=found.mismatch.examples(columns),
        )
    if isinstance(form, TableContent):
        yield verdict(
            "types",
            "types",
            found.wrong.count,
            "0 rows with a value of another type than its column's",
            not found.wrong.count,
            gate=True,
            advice="Correct the source, or the types in data.content.columns",
            examples=found.wrong.examples(columns),
        )
        for kind, its in schema.broken(columns, form, quality).items():
            name, about, limit, advice = TABLE[kind]
            where = ", ".join(f"{column} {count}" for column, count in list(its.columns.items())[:EXAMPLES])
            told = {"advice": f"{advice} ({where})", "examples": its.examples}
            yield verdict(name, about, its.values, limit, not its.columns, gate=True, **told)  # type: ignore[arg-type]


def personal(found: Mapping[str, Found], columns: Columns, quality: Quality) -> Verdict:
    """Return the verdict about personal data where none may be."""
    rows: set[int] = set().union(*(one.rows for one in found.values()))
    where = [f"{name}: {', '.join(f'{n} x {kind}' for kind, n in one.kinds.items())}" for name, one in found.items()]
    return share(
        "personal_data",
        "personal",
        len(rows),
        columns.count,
        quality.max_personal,
        advice="Mask it at the source, or declare the column personal in data.content.columns",
        examples=[*where[:3], *columns.keys(sorted(rows)[:2])],
        more=["there may be more than were counted"] if any(one.more for one in found.values()) else [],
    )


def outliers(far: Mapping[str, np.ndarray], columns: Columns, quality: Quality, gate: bool) -> Verdict:
    """Return the verdict about outliers: that of the column with the most of them."""
    worst = max(far, key=lambda name: len(far[name]), default="")
    rows = [int(row) for row in far[worst]] if worst else []
    return share(
        "outliers",
        "outliers",
        len(rows),
        columns.count,
        quality.max_outliers,
        notice=OUTLIERS,
        gate=gate,
        advice=f"Look at {worst}: are these values true? Leave them out at the source where not" if worst else "",
        examples=columns.keys(rows[:EXAMPLES]),
    )


def duplicates(near: Near, before: Earlier | None, columns: Columns, quality: Quality, gate: bool) -> Iterator[Verdict]:
    """Yield the verdicts about items nearly equal to one another, repeated from earlier rounds, and close to the test part."""
    if near.looked_at:
        rest = [f"only the first {near.looked_at} items were compared"] if near.looked_at < near.different else []
        yield share(
            "near_duplicates",
            "duplicates",
            near.items,
            near.looked_at,
            quality.max_near_duplicates,
            notice=NEAR,
            gate=gate,
            advice="Leave them out, or keep them together by a grouped split: apart, a model is tested on what it learned",
            examples=[" ~ ".join(columns.keys(pair)) for pair in near.pairs],
            more=rest,
        )
    if before is None:
        return
    yield share(
        "repeated_from_earlier",
        "duplicates",
        near.repeated,
        columns.count,
        quality.max_repeated,
        notice=REPEATED,
        gate=gate,
        advice=f"The {before.rounds} rounds before hold them already; does the source give what it gave before?",
        examples=columns.keys(near.repeated_rows),
    )
    yield share(
        "leakage",
        "leakage",
        near.leaked,
        columns.count,
        quality.max_leaked,
        gate=gate,
        advice="They are nearly equal to items that models are tested on, and may come to be trained on: leave them out",
        examples=columns.keys(near.leaked_rows),
    )
