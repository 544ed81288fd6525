"""Digests of a release: of a manifest, and of a folder's bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from include.ledger import canonical_json, digest

__all__ = ["canonical_json", "digest", "tree", "tree_digest"]

PIECE = 1 << 20  # bytes read at a time


def tree(folder: Path) -> dict[str, str]:
    """Return every file under ``folder``: path relative to it, with slashes -> hexadecimal SHA-256 of its bytes.

    Empty folders do not count; a symbolic link counts as where it points to, not as what is there.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: a file cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    found: dict[str, str] = {}
    for root, folders, files in os.walk(folder, onerror=_raise):
        for name in [*files, *(f for f in folders if (Path(root) / f).is_symlink())]:
            path = Path(root) / name
            found[path.relative_to(folder).as_posix()] = _file_hash(path)
    return dict(sorted(found.items()))


def tree_digest(folder: Path) -> str:
    """Return ``sha256:...`` over the names and bytes of every file under ``folder``.

    Raises:
        OSError: as `tree`.
    """
    return digest(tree(folder))


def _file_hash(path: Path) -> str:
    if path.is_symlink():
        return "link:" + hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _raise(error: OSError) -> None:
    raise error
