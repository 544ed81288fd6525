"""The page that all reports share, and the pieces it is made of. Text from outside is escaped everywhere."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from include.reports.numbers import short

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

MAX_CELL = 2000
LONG = 40  # characters beyond which a text may break anywhere: a digest, an address, a sentence
SHARP = 1.3  # points of a plot by points of the page: crisp where a screen has more of them
WIDE = 2  # width by height beyond which a plot takes a whole row
SIGNATURE = b"\x89PNG\r\n\x1a\n"
TONES = ("good", "bad", "warn")


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        title: its heading.
        html: what stands below; `Markup` stays as it is, text is escaped.
        folded: only the heading is shown until somebody clicks on it.
    """

    title: str
    html: str | Markup
    folded: bool = False


def page(
    title: str,
    sections: Iterable[Section],
    about: str = "",
    verdict: tuple[str, str] | None = None,
    facts: Iterable[tuple[str, Any, str]] = (),
) -> str:
    """Return a whole HTML page: self-contained, light and dark, no script.

    Args:
        title: of the page.
        sections: in order; more than three get a list of links above.
        about: one line below the title.
        verdict: what to know before all else, and its tone: good, bad, warn, or none.
        facts: the few figures that matter most: name, value, and what to know of it (may be empty).
    """
    few = [(name, _said(value), more) for name, value, more in facts]
    html = _template().render(title=title, about=about, sections=list(sections), verdict=verdict, facts=few)
    return html.encode("utf-8", "backslashreplace").decode()  # lone surrogates fit into no file


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """Return a table. Numbers stand to the right, their headings too; a pair (text, tone) has a tone: good, bad or warn."""
    listed = [list(row) for row in rows]
    numeric = [_numeric(row[place] for row in listed if place < len(row)) for place in range(len(columns))]
    head = Markup("").join(
        Markup('<th class="number">{}</th>' if right else "<th>{}</th>").format(name)
        for name, right in zip(columns, numeric, strict=True)
    )
    body = Markup("").join(Markup("<tr>{}</tr>").format(Markup("").join(_cell(one) for one in row)) for row in listed)
    made = Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return made.format(head, body)


def plots(pieces: Iterable[Markup]) -> Markup:
    """Return figures side by side where the screen is wide enough."""
    return Markup('<div class="plots">{}</div>').format(Markup("").join(pieces))


def bars(counts: Mapping[str, float], unit: str = "") -> Markup:
    """Return counts by name as horizontal bars, in the order given."""
    most = max(counts.values(), default=0) or 1
    row = Markup(
        '<span class="name" title="{0}">{0}</span>'
        '<span class="bar" style="width:{1:.2f}%"></span><span class="count">{2}{3}</span>'
    )
    rows = (
        row.format(name, 100 * max(value, 0) / most, f"{value:,}", f" {unit}" if unit else "") for name, value in counts.items()
    )
    return Markup('<div class="bars">{}</div>').format(Markup("").join(rows))


def figure(plot: Figure, caption: str = "") -> Markup:
    """Return a matplotlib figure as an embedded PNG; the figure is closed."""
    import matplotlib.pyplot as plt

    sink = io.BytesIO()
    plot.savefig(sink, format="png", dpi=100 * SHARP, bbox_inches="tight")
    plt.close(plot)
    return image(sink.getvalue(), caption, "plot")


def image(png: bytes, caption: str = "", kind: str = "") -> Markup:
    """Return a PNG embedded in the page, with a caption below it; one of the kind ``plot`` stays small enough to be crisp."""
    width, height = struct.unpack(">II", png[16:24]) if png[:8] == SIGNATURE and len(png) >= 24 else (0, 1)
    sized = Markup(' width="{}"').format(round(width / SHARP)) if width and kind == "plot" else Markup("")
    place = Markup(' class="wide"') if width > WIDE * height else Markup("")
    return Markup(
        '<figure{}><img class="{}" alt="{}"{} src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>'
    ).format(place, kind, caption, sized, base64.b64encode(png).decode(), caption)


def _cell(value: Any) -> Markup:
    value, tone = _toned(value)
    said = _said(value)
    kinds = [tone, "number" if _is_number(value) else ""]
    if not isinstance(said, Markup) and len(said) > LONG:
        kinds.append("long")
    shown = " ".join(filter(None, kinds))
    return Markup('<td class="{}">{}</td>').format(shown, said) if shown else Markup("<td>{}</td>").format(said)


def _said(value: Any) -> str | Markup:
    """Return a value as people read it: whole numbers whole, others with four digits."""
    if isinstance(value, Markup):
        return value
    if _is_number(value):
        if isinstance(value, Integral):
            return f"{value:,}"
        return short(float(value))
    return "" if value is None else str(value)[:MAX_CELL]


def _toned(value: Any) -> tuple[Any, str]:
    if isinstance(value, tuple) and len(value) == 2 and value[1] in TONES:
        return value
    return value, ""


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _numeric(cells: Iterable[Any]) -> bool:
    """Tell whether a column holds numbers, and else nothing."""
    known = [value for value, _ in map(_toned, cells) if value not in (None, "")]
    return bool(known) and all(map(_is_number, known))


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2")
