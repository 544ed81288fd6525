"""The scanner's side: JSON Lines files of the 8 x 8 images that scikit-learn ships, with the digit on each.

No model learns from the digit; maps are coloured by it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOTAL = 1797
BATCH = 300  # images of a file


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write the files ``scans-1.jsonl`` and so on, and put in the images that are not there yet.

    Args:
        folder: is made where it is missing.
        rows: which of the 1,797 images: a slice, the first so many, or None for all. Row i always has id i + 1.
        seed: shuffles the images; give one folder always the same.

    Returns:
        How many images were added; 0 the second time.
    """
    folder, added = Path(folder), 0
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[Path, list[dict[str, Any]]] = {}
    for row in image_rows(rows, seed):
        files.setdefault(folder / f"scans-{(row['id'] - 1) // BATCH + 1}.jsonl", []).append(row)
    for path, found in files.items():
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        there = {json.loads(line)["id"] for line in before.splitlines()}
        new = [row for row in found if row["id"] not in there]
        if new:
            # A reader sees the file before or after, never a part.
            made = path.with_name(f".{path.name}.part")
            made.write_text(before + "".join(json.dumps(row) + "\n" for row in new), encoding="utf-8")
            made.replace(path)
            added += len(new)
    return added


def image_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows as `fill` writes them; the arguments are the same."""
    import numpy as np

    from include.projects.digits.source import scan_rows

    return [
        {"id": row["id"], "pixels": np.frombuffer(row["pixels"], np.uint8).tolist(), "digit": str(row["digit"])}
        for row in scan_rows(rows, seed)
    ]
