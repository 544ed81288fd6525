"""The observatory's side: a JSON Lines file a year with windows of the weekly CO2 series that statsmodels ships.

A window has 12 weeks, and its true answer lies 4 weeks behind the last of them. The next window begins behind that
answer, 16 weeks after this one: so no value is in two windows, and however windows are divided into parts, none
holds what another asks for. Overlapping windows would give more of them and let the test part leak into training.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

WEEKS = 12
HORIZON = 4
STRIDE = WEEKS + HORIZON
TOTAL = 142


def fill(folder: str | Path, rows: slice | int | None = None, seed: int = 0) -> int:
    """Write the files ``1958.jsonl`` and so on, and put in the windows that are not there yet.

    Args:
        folder: is made where it is missing.
        rows: which of the 142 windows: a slice, the first so many, or None for all.
        seed: of no meaning: the series is what was measured, in its order.

    Returns:
        How many windows were added; 0 the second time.
    """
    folder, added = Path(folder), 0
    folder.mkdir(parents=True, exist_ok=True)
    for year, found in groupby(window_rows(rows), key=lambda row: row["begins"][:4]):
        path = folder / f"{year}.jsonl"
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        there = {json.loads(line)["begins"] for line in before.splitlines()}
        new = [row for row in found if row["begins"] not in there]
        if new:
            # A reader sees the file before or after, never a part.
            made = path.with_name(f".{path.name}.part")
            made.write_text(before + "".join(json.dumps(row) + "\n" for row in new), encoding="utf-8")
            made.replace(path)
            added += len(new)
    return added


def window_rows(rows: slice | int | None = None) -> list[dict[str, Any]]:
    """Return the windows as `fill` writes them, by time; a value that was not measured is null.

    Returns:
        ``begins`` (date of the first week), ``window`` (12 times [ppm, part of the year]), ``ppm_after`` and
        ``known_at``, the time of that value.
    """
    from statsmodels.datasets import co2

    series = co2.load_pandas().data["co2"]
    weeks = [
        (moment.to_pydatetime().replace(tzinfo=UTC), None if value != value else float(value)) for moment, value in series.items()
    ]
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    return [_window(weeks[place * STRIDE : (place + 1) * STRIDE]) for place in sorted(chosen)]


def _window(weeks: list[tuple[datetime, float | None]]) -> dict[str, Any]:
    known_at, after = weeks[-1]
    return {
        "begins": weeks[0][0].date().isoformat(),
        "window": [[value, _part_of_year(moment)] for moment, value in weeks[:WEEKS]],
        "ppm_after": after,
        "known_at": known_at.isoformat(),
    }


def _part_of_year(moment: datetime) -> float:
    begin = datetime(moment.year, 1, 1, tzinfo=UTC)
    return round((moment - begin) / timedelta(days=366), 4)
