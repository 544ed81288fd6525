"""The page that all reports share, and the pieces it is made of. Text from outside is escaped everywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

MAX_CELL = 2000
TONES = ("good", "bad", "warn")


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        title: its heading.
        html: what stands below; `Markup` stays as it is, text is escaped.
    """

    title: str
    html: str | Markup


def page(title: str, sections: Iterable[Section], about: str = "") -> str:
    """Return a whole HTML page: self-contained, light and dark, no script.

    Args:
        title: of the page.
        sections: in order; more than three get a list of links above.
        about: one line below the title.
    """
    html = _template().render(title=title, about=about, sections=list(sections))
    return html.encode("utf-8", "backslashreplace").decode()  # lone surrogates fit into no file


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """Return a table. Numbers stand to the right; a pair (text, tone) has a tone: good, bad or warn."""
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in columns)
    body = Markup("").join(Markup("<tr>{}</tr>").format(Markup("").join(_cell(one) for one in row)) for row in rows)
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)


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
    plot.savefig(sink, format="png", dpi=110, bbox_inches="tight")
    plt.close(plot)
    return image(sink.getvalue(), caption, "plot")


def image(png: bytes, caption: str = "", kind: str = "") -> Markup:
    """Return a PNG embedded in the page, with a caption below it."""
    return Markup('<figure><img class="{}" alt="{}" src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>').format(
        kind, caption, base64.b64encode(png).decode(), caption
    )


def _cell(value: Any) -> Markup:
    tone = ""
    if isinstance(value, tuple) and len(value) == 2 and value[1] in TONES:
        value, tone = value
    number = isinstance(value, Real) and not isinstance(value, bool)
    if isinstance(value, Markup):
        said: Any = value
    elif number and not isinstance(value, Integral):
        said = f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    elif number:
        said = f"{value:,}"
    else:
        said = "" if value is None else escape(str(value)[:MAX_CELL])
    kinds = " ".join(filter(None, [tone, "number" if number else ""]))
    return Markup('<td class="{}">{}</td>').format(kinds, said) if kinds else Markup("<td>{}</td>").format(said)


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2")
