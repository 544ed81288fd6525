"""Tells whether the product's own code has changed, which its running services hold in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from include.local.places import ROOT

FOLDERS = ("include", "operators", "plugins")


def code_state(root: Path = ROOT) -> str:
    """Return what is another text after a module was changed, added or removed.

    Project folders are left out: their code is read by each job, and project.yaml with each DAG file.

    Args:
        root: the checkout.
    """
    found = hashlib.sha256()
    for path in sorted(_modules(root)):
        known = path.stat()
        found.update(f"{path.relative_to(root)}\0{known.st_mtime_ns}\0{known.st_size}\n".encode())
    return found.hexdigest()[:16]


def _modules(root: Path) -> Iterator[Path]:
    projects = root / "include" / "projects"
    for folder in FOLDERS:
        for path in (root / folder).rglob("*.py"):
            if path.parent == projects or projects not in path.parents:
                yield path
