"""Code of projects: what it consists of, in which state it is, and that the ops zone runs confirmed code alone.

A project's code is its folder: the components and whatever lies beside them, and those sections of project.yaml that say
what a model learns, answers or is judged by (`include.projects.confirmed`). Its digest is over the paths and contents of
files and over the canonical JSON of these sections, so the same code has the same digest on every machine. The ledger keeps
its state: development, confirmed with the first model that was trained with it and confirmed, applied while a release of
such a model is in production.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import FinalError
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from include.ledger import CodeVersion, Ledger

Files = dict[str, dict[str, str]]

IGNORED = ("__pycache__",)
RUNS_IN_OPS = ("confirmed", "applied")
SHOWN = 20
CONFIGURATION = "project.yaml"
SECTION = f"{CONFIGURATION}: "
"""What the name of a section of project.yaml begins with, among the files."""
_log = logging.getLogger(__name__)


class CodeRefused(FinalError, RuntimeError):
    """Code that does not run in the ops zone, because nobody confirmed it.

    Attributes:
        project: name of the project.
        digest: of the code as it lies there now.
        differs: ``added``, ``removed`` and ``changed`` paths, and sections of project.yaml, against the newest confirmed
            code; empty where there is none.
    """

    def __init__(self, project: str, digest: str, problem: str, differs: Mapping[str, list[str]]) -> None:
        self.project, self.digest, self.differs = project, digest, dict(differs)
        super().__init__(problem)


@dataclass(frozen=True)
class Code:
    """The code of a project as it lies there.

    Attributes:
        project: its name.
        digest: ``sha256:`` and 64 hex digits.
        files: path, or ``project.yaml: `` and a section's -> ``kind`` and ``sha256``.
    """

    project: str
    digest: str
    files: Files


def code_of(project: Project) -> Code:
    """Read the code of a project; caches, hidden files and what only runs it elsewhere or tells other people do not count."""
    from include.ledger import digest
    from include.projects.confirmed import confirmed_sections

    kinds, files = _kinds(project), Files()
    for path in code_files(project.folder):
        name = path.relative_to(project.folder).as_posix()
        if name != CONFIGURATION:
            kind = kinds.get(name) or ("code" if path.suffix == ".py" else "data")
            files[name] = {"kind": kind, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    for section, sha256 in confirmed_sections(project).items():
        files[SECTION + section] = {"kind": "configuration", "sha256": sha256}
    return Code(project.name, digest({name: one["sha256"] for name, one in files.items()}), files)


def code_files(folder: Path) -> list[Path]:
    """Return the files of a project's folder that are its code, project.yaml among them, in order."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inside = path.relative_to(folder).parts
        if path.suffix != ".pyc" and not any(part in IGNORED or part.startswith(".") for part in inside):
            found.append(path)
    return found


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit that is checked out and whether ``folder`` differs from it; twice None outside of git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit, bool(_git(folder, "status", "--porcelain", "--", "."))
    except (OSError, subprocess.SubprocessError):
        return None, None


def enter(settings: Settings, project: Project, by: str | None, why: str) -> CodeVersion:
    """Keep the code of a project as it lies there; what is known already stays in its state.

    Raises:
        LedgerError: the ledger cannot be reached.
    """
    code, ledger = code_of(project), _ledger(settings)
    known = ledger.code(project.name, code.digest)
    return known or ledger.enter_code(project.name, code.files, by, why, *git_state(project.folder))


def admit(settings: Settings, project: Project, ops: bool, doing: str, by: str | None = None) -> str:
    """Say whether the code of a project may run where it is about to run.

    Code that is not known yet is entered as development. In the dev zone, where code is made, a ledger that is down is a
    warning and the work goes on.

    Args:
        settings: of the ledger.
        project: whose code.
        ops: whether it is about to read ops data.
        doing: what it is about to do, for the message.
        by: who wants it.

    Returns:
        The digest of the code.

    Raises:
        CodeRefused: it would read ops data and is not confirmed.
        LedgerError: it would read ops data, and the ledger does not say whether it may.
    """
    from include.ledger import LedgerError

    try:
        found = enter(settings, project, by, doing)
    except (LedgerError, OSError) as cause:
        if ops:
            raise
        _log.warning("the code of %s is not in the ledger: %s", project.name, cause)
        return code_of(project).digest
    if ops and found.state not in RUNS_IN_OPS:
        raise _refused(project.name, found.digest, found.files, newest_confirmed(settings, project), f"{doing} on ops data")
    return found.digest


def admit_served(settings: Settings, project: Project, paths: Iterable[str], doing: str) -> None:
    """Make sure that what of a project will answer in the model server is of one confirmed code: files, and sections of
    project.yaml such as the classes.

    Args:
        settings: of the ledger.
        project: whose code.
        paths: the files, below the project's folder.
        doing: what is about to happen, for the message.

    Raises:
        CodeRefused: there is no confirmed code with these files and sections.
        LedgerError: the ledger cannot be reached.
    """
    from include.projects.confirmed import SERVED

    code, names = code_of(project), {*paths, *(SECTION + section for section in SERVED)}
    wanted = {path: one for path, one in code.files.items() if path in names}
    confirmed = [one for one in codes(settings, project) if one.state in RUNS_IN_OPS]
    if not any(_sums(one.files, names) == _sums(wanted, names) for one in confirmed):
        newest = max(confirmed, key=_confirmed_at, default=None)
        raise _refused(project.name, code.digest, wanted, newest, doing, names)


def newest_confirmed(settings: Settings, project: Project) -> CodeVersion | None:
    """Return the code of a project that was confirmed last; None where none ever was."""
    found = [one for one in _ledger(settings).codes(project.name) if one.state in RUNS_IN_OPS]
    return max(found, key=_confirmed_at, default=None)


def codes(settings: Settings, project: Project) -> list[CodeVersion]:
    """Return all code of a project that the ledger knows, oldest first."""
    return _ledger(settings).codes(project.name)


def find_code(settings: Settings, project: Project, which: str) -> CodeVersion:
    """Return code by its number, by the beginning of its digest, or ``here``, ``confirmed`` (the newest) or ``applied``.

    Raises:
        CodeRefused: there is none, or more than one digest begins so.
    """
    known = codes(settings, project)
    here = code_of(project).digest
    wanted = which.removeprefix("sha256:")
    if which == "confirmed":
        newest = newest_confirmed(settings, project)
        found = [newest] if newest else []
    elif which == "applied":
        found = [one for one in known if one.state == "applied"]
    elif which == "here":
        found = [one for one in known if one.digest == here]
    elif which.isdigit() and len(which) < 7:
        found = [one for one in known if one.number == int(which)]
    else:
        found = [one for one in known if len(wanted) >= 6 and one.digest.removeprefix("sha256:").startswith(wanted)]
    if len(found) != 1:
        said = "more than one" if found else "no"
        advice = "give a number of `python -m include.management code list`, 6 digits of a digest, here, confirmed or applied"
        raise CodeRefused(project.name, here, f"{project.name} has {said} known code {which[:80]!r}: {advice}", {})
    return found[0]


def compare_files(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the paths that were ``added``, ``removed`` and ``changed`` from ``old`` to ``new``.

    A section of project.yaml that says nothing is at its defaults, so it is changed where it begins or ceases to say
    something. Code that was recorded with project.yaml as one file differs in that file from code with sections.
    """
    if (CONFIGURATION in old) != (CONFIGURATION in new):
        old, new = ({_file(path): one for path, one in files.items()} for files in (old, new))
    gone, come = set(old) - set(new), set(new) - set(old)
    both = {path for path in set(old) & set(new) if old[path]["sha256"] != new[path]["sha256"]}
    return {
        "added": sorted(path for path in come if not path.startswith(SECTION)),
        "removed": sorted(path for path in gone if not path.startswith(SECTION)),
        "changed": sorted({*both, *(path for path in come | gone if path.startswith(SECTION))}),
    }


def _refused(
    name: str, digest: str, files: Files, newest: CodeVersion | None, doing: str, only: Iterable[str] | None = None
) -> CodeRefused:
    if newest is None:
        advice = f"run {name}.model_development with this code on dev data first: confirming its model confirms the code"
        return CodeRefused(name, digest, f"{doing} is refused: no code of {name} was ever confirmed; {advice}", {})
    before = {path: one for path, one in newest.files.items() if only is None or path in only}
    differs = compare_files(before, files)
    said = "; ".join(f"{what}: {', '.join(_shown(paths))}" for what, paths in differs.items() if paths)
    problem = (
        f"{doing} is refused: the code {digest[:19]} of {name} is not confirmed. Against code {newest.number}"
        f" ({newest.digest[:19]}), which was confirmed last, these differ: {said}. Run {name}.model_development with this"
        " code on dev data, so that confirming its model confirms the code, or put the confirmed files back"
    )
    return CodeRefused(name, digest, problem, differs)


def _shown(paths: list[str]) -> list[str]:
    return paths if len(paths) <= SHOWN else [*paths[:SHOWN], f"{len(paths) - SHOWN} more"]


def _kinds(project: Project) -> dict[str, str]:
    """Return the kinds of the files that project.yaml names."""
    wanted = [("source", project.components.source), ("features", project.components.features)]
    wanted += [("model", family.model) for family in project.training.families.values()]
    wanted += [("model", project.components.model)]
    wanted += [("postprocessing", project.components.postprocess), ("preprocessing", project.components.preprocess)]
    return {f"{str(place).partition(':')[0].replace('.', '/')}.py": kind for kind, place in wanted if place}


def _sums(files: Mapping[str, Mapping[str, str]], names: Iterable[str]) -> dict[str, str]:
    return {name: files[name]["sha256"] for name in names if name in files}


def _file(path: str) -> str:
    return CONFIGURATION if path.startswith(SECTION) else path


def _confirmed_at(code: CodeVersion) -> Any:
    return code.confirmed_at, code.number


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _ledger(settings: Settings) -> Ledger:
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    return Ledger(settings.ledger())
