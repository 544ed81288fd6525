"""The section of an evaluation's page that shows explanations: plots, and texts with the words that count most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from include.reports import Section, image, table
from include.reports import plots as plots_beside
from include.reports.numbers import short

MOST = 20  # words of the table
STRONGEST = 0.6  # how strongly the word that counts most is coloured; the letters stay readable on light and dark pages
IN_ALL = "SHAP_importance"  # the plot that says of texts what the table of words says too
BLUE, ORANGE = "37, 99, 235", "234, 88, 12"


def section(told: Mapping[str, Any], drawn: Mapping[str, bytes]) -> list[Section]:
    """Return the section about explanations; none where nothing was explained.

    Args:
        told: of `include.training.explain_parts.Explained`.
        drawn: its plots, PNG by name.
    """
    if not told and not drawn:
        return []
    by = Markup("<p>{} over {} rows of the test part.</p>").format(told["method"], told["rows"]) if told else Markup("")
    names = sorted((name for name in drawn if not (told.get("texts") and name == IN_ALL)), key=_row)
    figures = plots_beside(image(drawn[name], name.replace("_", " "), "plot") for name in names)
    return [Section("Explanations", by + words(told) + figures)]


def _row(name: str) -> int:
    """Return the row that a plot is about, so that SHAP and LIME of one stand side by side; those about all come first."""
    row = name.rpartition("_row_")[2]
    return int(row) if row.isdigit() else -1


def words(told: Mapping[str, Any]) -> Markup:
    """Return the words that count most in all, and some texts with theirs in colour; nothing where items are no texts."""
    texts = told.get("texts") or []
    if not texts:
        return Markup("")
    columns = ["word", "mean |SHAP value|", "speaks for"]
    rows = [[one["name"], one["value"], one.get("for", "")] for one in told["importance"][:MOST]]
    strongest = max((abs(value) for one in texts for _, value in one["pieces"]), default=0.0) or 1.0
    about = Markup("<p>Words in blue speak for the answer, in orange against it; the deeper, the more.</p>")
    shown = Markup("").join(_text(one["row"], one["answer"], one["pieces"], strongest) for one in texts)
    return table(columns if any(row[2] for row in rows) else columns[:2], rows) + about + shown


def _text(row: int, said: str, pieces: Sequence[Sequence[Any]], strongest: float) -> Markup:
    coloured = Markup(" ").join(
        Markup('<span title="{}" style="background:rgba({}, {:.2f});border-radius:3px;padding:1px 3px">{}</span>').format(
            short(value), BLUE if value >= 0 else ORANGE, STRONGEST * abs(value) / strongest, piece
        )
        for piece, value in pieces
    )
    return Markup("<p><b>Row {}: {}</b><br>{}</p>").format(row, said, coloured)
