"""The code that a training run kept, run again from the run's own copy, whatever lies in the project's folder now."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

from include.management.code import RUNS_IN_OPS, CodeRefused, code_of
from include.management.released import NotReleased, ReleasedProject, released_project, unpacked
from include.projects import Project
from include.settings import Settings

ALTERED = "the record of the run was altered, or another release of the product wrote it: take that release to reproduce it"


def recorded_project(project: Project, content: bytes | None, digest: str, folder: Path) -> ReleasedProject:
    """Return a project as a training run kept it, with the functions of that copy.

    Without a copy, which a run of much code does not keep, the project's folder counts while it holds that very code.
    Where jobs run, how it is watched and what it is called is no part of the code: that is said by ``project``.

    Args:
        project: as it lies in its folder now.
        content: the archive that the run kept (`include.management.archive`); None where it kept none.
        digest: of the code that the run was trained with.
        folder: empty, named as the run is; the copy lies in it, and must while the project is used.

    Raises:
        NotReleased: the copy is not that code, or there is none and the folder holds other code.
    """
    if content is None and (here := code_of(project).digest) != digest:
        advice = "put that code back and try again"
        raise NotReleased(
            f"{folder.name} kept no copy of its code {digest[:19]}, and that of {project.name} here is {here[:19]}: {advice}"
        )
    try:
        files = unpacked(project.name, content) if content is not None else {}
    except BadZipFile as cause:
        raise NotReleased(f"the copy of its code that {folder.name} kept cannot be read: {cause}; {ALTERED}") from cause
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(file)
    return released_project(project, folder, digest, ALTERED)


def admit_recorded(settings: Settings, project: Project, digest: str, doing: str) -> None:
    """Make sure that code which a run kept may run on ops data: somebody confirmed it.

    Args:
        settings: of the ledger.
        project: whose code.
        digest: of the code.
        doing: what it is about to do, for the message.

    Raises:
        CodeRefused: nobody did.
        LedgerError: the ledger does not say.
    """
    from include.ledger import Ledger

    known = Ledger(settings.ledger()).code(project.name, digest)
    if known is None or known.state not in RUNS_IN_OPS:
        said = f"the code {digest[:19]} of {project.name} that the run was trained with was never confirmed"
        problem = f"{doing} on ops data is refused: {said}. Reproduce a model that is confirmed, or confirm this one first"
        raise CodeRefused(project.name, digest, problem, {})
