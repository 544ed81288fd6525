"""Names of new projects: what may be one, and which one would be right."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from include.errors import FinalError
from include.projects.parts import NAME
from include.settings import ROOT

SHIPPED = ROOT / "include" / "projects"
LONGEST = 41
RESERVED = ("tests", "test", "default", "none", "null", "true", "false", "all", "dev", "ops")
# Revised Romanisation of Hangul, letter by letter: a suggestion, not a transcription.
FIRST = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
MIDDLE = (
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae",
    "oe", "yo", "u", "wo", "we", "wi", "yu", "eu", "ui", "i",
)  # fmt: skip
LAST = (
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l",
    "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t", "k", "t", "p", "t",
)  # fmt: skip


class ScaffoldError(FinalError, ValueError):
    """A project that cannot be made.

    Attributes:
        problem: what is wrong.
        advice: what would be right.
    """

    def __init__(self, problem: str, advice: str) -> None:
        self.problem, self.advice = problem, advice
        super().__init__(f"{problem}. {advice}")


def check_name(name: str, folder: Path = SHIPPED) -> None:
    """Refuse what cannot be the name of a new project.

    Args:
        name: as it was given.
        folder: the folder of projects that it goes into.

    Raises:
        ScaffoldError: with a name that is right and free.
    """
    problem = _form(name) or _taken(name, folder)
    if problem:
        raise ScaffoldError(problem, f"Take {suggest(name, folder)!r}, for one")


def suggest(name: str, folder: Path = SHIPPED) -> str:
    """Return a name that is right and free, near to what was given; Hangul becomes Latin letters."""
    plain = unicodedata.normalize("NFKD", _romanised(unicodedata.normalize("NFC", name))).encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    base = re.sub(r"^[^a-z]+", "", base)[:LONGEST].rstrip("_")
    if len(base) < 2:
        base = f"{base}_project" if base else "my_project"
    if _reserved(base):
        base = f"{base[: LONGEST - 8]}_project"
    found, number = base, 2
    while _taken(found, folder) or _form(found):
        found = f"{base[: LONGEST - 1 - len(str(number))]}_{number}"
        number += 1
    return found


def _form(name: str) -> str | None:
    """Return what is wrong with a name by itself."""
    said = repr(name if len(name) <= 60 else name[:60] + "...")
    if len(name) > LONGEST:
        return f"the name {said} has {len(name)} characters, and {LONGEST} is the most"
    if any(sign in name for sign in "/\\\0") or ".." in name:
        return f"the name {said} is a path: it is the name of a folder alone, and --into says where"
    if not NAME.fullmatch(name):
        return f"the name {said} is not of 2 to {LONGEST} lower-case letters a-z, digits and underscores, a letter first"
    if keyword.iskeyword(name):
        return f"the name {said} is a word of Python, which no module can be called"
    if _reserved(name):
        return f"the name {said} is taken by the product"
    return None


def _reserved(name: str) -> bool:
    """Tell whether a folder of this name would hide a module of the product, or mean something else."""
    return keyword.iskeyword(name) or name in RESERVED or (SHIPPED / f"{name}.py").exists()


def _taken(name: str, folder: Path) -> str | None:
    """Return which project has the name, or one that becomes the same repository."""
    for one in _names(folder, SHIPPED):
        if one == name:
            return f"there is a project {name!r} already"
        if _repository(one) == _repository(name):
            return f"the name {name!r} would have the data repository of {one!r}"
    return None


def _names(*folders: Path) -> Iterable[str]:
    for folder in dict.fromkeys(folders):
        if folder.is_dir():
            yield from sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _repository(name: str) -> str:
    return name.replace("_", "-").lower()


def _romanised(text: str) -> str:
    found = []
    for sign in text:
        place = ord(sign) - 0xAC00
        hangul = 0 <= place < 11172
        found.append(FIRST[place // 588] + MIDDLE[place % 588 // 28] + LAST[place % 28] if hangul else sign)
    return "".join(found)
