"""Letters of plots: a font that has Hangul, and names that the fonts at hand can draw.

matplotlib (3.11) keeps its list of fonts in a file and never looks again: a font that was installed later is not in it.
So where the list has none, the fonts of the system are looked through once a process, and last those of the package
koreanize-matplotlib; importing it would change the fonts of all figures of the process, so only its files are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

HANGUL = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "NanumBarunGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Serif CJK KR",
)
FILES = ("NotoSansCJK", "NotoSansKR", "NanumGothic", "NanumBarunGothic", "malgun", "AppleSDGothicNeo", "NotoSerifCJK")
"""How the files of those fonts are called, in the same order."""
FIRST = "DejaVu Sans"  # which matplotlib brings along


@cache
def families() -> tuple[str, ...]:
    """Return the names of the fonts that plots are written in: matplotlib's own, then one with Hangul, if there is any."""
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    if not known.intersection(HANGUL):
        known |= _installed()
    return (FIRST, *[name for name in HANGUL if name in known][:1])


def _installed() -> set[str]:
    """Add a font with Hangul to matplotlib's list, of the system or of the package; return which names it has now."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    found = [*sorted(map(Path, findSystemFonts())), *_brought_along()]
    for stem in FILES:
        for path in found:
            # Titles are bold: a font without that weight would be warned of in every log.
            name = path.name.casefold()
            if name.startswith(stem.casefold()) and (
                "bold" in name or "regular" in name or path.stem.casefold() == stem.casefold()
            ):
                with suppress(OSError, RuntimeError, ValueError):  # a file that is no font
                    fontManager.addfont(path)
        if names := set(fontManager.get_font_names()).intersection(HANGUL):
            return names
    return set()


def _brought_along() -> list[Path]:
    """Return the font files of the package, none where it is not installed."""
    package = find_spec("koreanize_matplotlib")
    return sorted(Path(package.origin).parent.glob("fonts/*.ttf")) if package and package.origin else []


@cache
def _letters() -> frozenset[int]:
    """Return the letters that the fonts of plots have."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(code for name in families() for code in get_font(findfont(name)).get_charmap())


def spelt(names: Sequence[str], most: int = 24) -> list[str]:
    """Return names as a plot can show them: as they are, or their number where this machine has no letters for one.

    Tables beside the plots name the same numbers.
    """
    shown = [name if drawable(name) else f"#{place + 1}" for place, name in enumerate(map(str, names))]
    return [name if len(name) <= most else f"{name[: most - 1]}…" for name in shown]


def drawable(text: str) -> bool:
    """Tell whether the fonts of plots have all letters of a text."""
    return all(one.isspace() or ord(one) in _letters() for one in text)
