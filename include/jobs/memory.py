"""How much memory a job takes on this machine, and its end where that is more than it may.

All processes of the job are looked at a few times a second, and what they hold together is added up: pages that several
share count once, pages of files do not count, because the system takes them back. That needs neither root nor a control
group that may be written. The limits that a process can set for itself would not do: RLIMIT_AS and RLIMIT_DATA count
addresses, of which CUDA, torch and Ray reserve many times what they use; they hold for each process by itself, and a job
has workers; and who runs into one gets some error of its own in place of a clear end. The price is that between two looks
a job may take more than its limit.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

LOOK_S = 0.4
PROC = Path("/proc")
# Of /proc/PID/smaps_rollup, where shared pages are divided among those who share them; reading it walks all pages.
SHARES = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
# Of /proc/PID/status, at once; what several share counts for each, so that this is never less.
WHOLES = ("RssAnon:", "RssShmem:", "VmSwap:")


def used(processes: Iterable[int], limit: int) -> int:
    """Return how many bytes processes hold together: exactly where it is more than ``limit``, else at most so many."""
    there = list(processes)
    most = sum(_sum(pid, "status", WHOLES) or 0 for pid in there)
    return most if most <= limit else sum(held(pid) for pid in there)


def held(pid: int) -> int:
    """Return how many bytes a process holds, with its part of what it shares; 0 where it is gone."""
    found = _sum(pid, "smaps_rollup", SHARES)
    return (_sum(pid, "status", WHOLES) or 0) if found is None else found


def family(pid: int) -> list[int]:
    """Return the processes of a job: its leader, what that started, and what those did, wherever they went.

    A worker of Ray has a group of its own, but its parents; a process whose parent died has the session.
    """
    parents: dict[int, int] = {}
    found = {pid}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_bytes()
        except OSError:
            continue  # it has ended
        fields = text[text.rindex(b")") + 2 :].split()  # a name may hold blanks and brackets
        parents[int(entry.name)] = int(fields[1])
        if int(fields[3]) == pid:
            found.add(int(entry.name))
    fresh = found
    while fresh:
        fresh = {one for one, parent in parents.items() if parent in fresh} - found
        found = found | fresh
    return sorted(found)


def end(processes: Iterable[int]) -> None:
    """End processes by force."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _sum(pid: int, file: str, names: tuple[str, ...]) -> int | None:
    try:
        lines = (PROC / str(pid) / file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # it has ended, belongs to somebody else, or the kernel knows no such file
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(names)]
    return sum(found) * 1024 if found else None
