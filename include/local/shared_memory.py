"""Frees the shared memory that killed model servers leave behind.

Triton's Python backend keeps a region in /dev/shm for each loaded model and removes it when it ends; killed with
SIGKILL, it cannot (tritonserver 2.51).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

PREFIX = "devmlops_triton_"
FOLDER = Path("/dev/shm")
YOUNG_S = 10.0  # a server that is starting makes its region a moment before it maps it


def sweep(folder: Path = FOLDER) -> list[str]:
    """Remove the product's regions that belong to this user and that no process has mapped; return their names."""
    now, user = time.time(), os.getuid()
    left = []
    for path in folder.glob(f"{PREFIX}*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if found.st_uid == user and now - found.st_mtime > YOUNG_S:
            left.append(path)
    if not left:
        return []
    used = _mapped()
    gone = [path for path in left if path.name not in used]
    for path in gone:
        path.unlink(missing_ok=True)
    return sorted(path.name for path in gone)


def _mapped() -> set[str]:
    """Return the names of the product's regions that some process has mapped."""
    names: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            text = maps.read_text(errors="replace")
        except OSError:  # ended meanwhile, or another user's, who cannot have mapped ours
            continue
        names |= {line.rpartition("/")[2].removesuffix(" (deleted)") for line in text.splitlines() if PREFIX in line}
    return names
