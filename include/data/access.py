"""Who read or wrote which data: one audit entry for each operation on a round, version or split.

The entry comes before the data: ops data that nobody can be held to is not given out. In the dev zone, where data are
made to be worked with, a ledger that is down is a warning and the work goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from include.clients.lakefs import DataError
from include.projects import Project
from include.settings import Settings, Zone

NAMES = ("version", "round", "split_digest", "commit", "branch", "kind")
DEPTH = 4  # how deep references lie inside of a task's or job's arguments
_log = logging.getLogger(__name__)


class AccessUnrecorded(DataError):
    """Ops data that is not given out because the ledger did not take the entry; trying again may help."""


def note_access(
    settings: Settings,
    project: Project,
    action: str,
    ref: Mapping[str, Any],
    rows: int | None,
    actor: str | None = None,
    via: str = "",
) -> None:
    """Write the audit entry of one operation on data, before the operation.

    Args:
        settings: of the ledger; ``settings.actor`` is who it is for where ``actor`` is not given.
        project: whose data.
        action: what is done: ``data.read``, ``data.write``, ``data.mask``.
        ref: reference of a round, version or split, or ``{"repository", "zone"}`` alone.
        rows: how many items it is about; None where nobody knows yet.
        actor: user name; None and no ``settings.actor`` is the platform itself.
        via: which task or job does it.

    Raises:
        AccessUnrecorded: the data are of the ops zone, and the ledger did not take the entry.
    """
    details = {"project": project.name, "zone": ref["zone"], **{name: ref[name] for name in NAMES if ref.get(name) is not None}}
    if via:
        details["via"] = via
    if rows is not None:
        details["rows"] = rows
    from include.ledger import Ledger, LedgerError

    try:
        Ledger(settings.ledger()).audit(actor or settings.actor or None, action, f"data {ref['repository']}", details)
    except (LedgerError, OSError) as cause:
        if ref["zone"] == "ops":
            problem = f"{action} is not recorded, so it is not done: {cause}"
            raise AccessUnrecorded(str(ref["repository"]), problem, "Bring the ledger back, then try again") from cause
        _log.warning("%s on %s is not in the audit log: %s", action, ref["repository"], cause)


def note_all(settings: Settings, project: Project, action: str, values: Any, via: str = "") -> int:
    """Write one entry for each reference to data inside of ``values``, each repository and commit once.

    Args:
        settings: as for `note_access`.
        project: whose data.
        action: what is done.
        values: arguments of a task or job; references may lie inside of mappings and lists.
        via: which task or job does it; who it is for is ``settings.actor``.

    Returns:
        How many entries were written.
    """
    noted = {tuple(str(ref.get(name)) for name in ("repository", *NAMES)): ref for ref in references(values)}
    for ref in noted.values():
        count = ref.get("count")
        rows = count if isinstance(count, int) else _total(ref.get("counts"))
        note_access(settings, project, action, ref, rows, via=via)
    return len(noted)


def references(values: Any, depth: int = DEPTH) -> Iterator[Mapping[str, Any]]:
    """Yield the references to data inside of ``values``: mappings with ``repository`` and ``zone``."""
    if isinstance(values, Mapping):
        if isinstance(values.get("repository"), str) and values.get("zone") in ("dev", "ops"):
            yield values
            return
        values = list(values.values())
    if isinstance(values, list | tuple) and depth:
        for value in values:
            yield from references(value, depth - 1)


def zone_of(values: Any) -> Zone | None:
    """Return the zone whose credential suffices for all references inside of ``values``; None where there are none.

    The ops credential reads dev data too, so one reference to ops data makes it ops.
    """
    zones = {ref["zone"] for ref in references(values)}
    return "ops" if "ops" in zones else "dev" if zones else None


def _total(counts: Any) -> int | None:
    numbers = [count for count in counts.values() if isinstance(count, int)] if isinstance(counts, Mapping) else []
    return sum(numbers) if numbers else None
