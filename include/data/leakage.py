"""Leakage: whether what a model is tested on could have been learned from what it was trained on.

The check looks at the rows that are given out, not at how they were divided, so it holds for any algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.clients.lakefs import DataError
from include.data.recipes import PARTS, Recipe, Rows, moment
from include.errors import FinalError

Given = Sequence[Sequence[tuple[int, str]]]  # of each round, the rows given out and the slot of each
EXAMPLES = 5


class LeakageError(FinalError, DataError):
    """A split whose parts share what they must not share; it was not stored.

    Attributes:
        report: every check with name, ok, value and limit.
    """

    def __init__(self, where: str, report: dict[str, Any]) -> None:
        self.report = report
        failed = [check for check in report["checks"] if not check["ok"]]
        said = "; ".join(f"{c['name']} is {c['value']}, wanted {c['limit']} (for example {c['examples'][0]})" for c in failed)
        super().__init__(where, f"parts leak into one another: {said}", " ".join(ADVICE[check["name"]] for check in failed))


ADVICE = {
    "contents": "Keep each content in one part; the split was made or changed by something else.",
    "groups": "Use the method grouped (or by: grouped), split older versions that way too before they are bundled, "
    "or allow it by split.groups_may_cross.",
    "time_order": "Give the items their true times, or split by another method.",
}


def leakage(pieces: Sequence[tuple[Recipe, Rows]], given: Given, groups_may_cross: bool = False) -> dict[str, Any]:
    """Check that no content and no group lies in two slots, and that splits by time keep its order.

    Args:
        pieces: the recipe and rows of each round.
        given: which of the rows are given out, and in which slot.
        groups_may_cross: whether the project allows one group in several parts.

    Returns:
        ``{"ok", "checks": [{"name", "ok", "value", "limit", "examples"?}]}``; the check of groups is there where a
        row has one, and that of time order, with the ``ranges`` of each part, where a recipe goes by time.
    """
    checks = [_together("contents", "items", ((rows.ids, gave) for (_, rows), gave in zip(pieces, given, strict=True)))]
    if any(rows.groups is not None and any(rows.groups) for _, rows in pieces):
        columns = ((rows.groups, gave) for (_, rows), gave in zip(pieces, given, strict=True) if rows.groups is not None)
        checks.append(_together("groups", "groups", columns, groups_may_cross))
    if any(how["method"] == "time" for how, _ in pieces):
        checks.append(_time_order(pieces, given))
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _together(name: str, what: str, columns: Any, allowed: bool = False) -> dict[str, Any]:
    first: dict[str, str] = {}
    crossing: dict[str, str] = {}
    for values, gave in columns:
        for row, slot in gave:
            value = values[row]
            if value is not None and first.setdefault(value, slot) != slot:
                crossing.setdefault(value, slot)
    limit = "any number (groups_may_cross)" if allowed else f"0 {what} in two parts"
    check = {"name": name, "ok": allowed or not crossing, "value": len(crossing), "limit": limit}
    told = sorted(crossing)[:EXAMPLES]
    return {**check, "examples": [f"{one} in {first[one]} and {crossing[one]}" for one in told]} if told else check


def _time_order(pieces: Sequence[tuple[Recipe, Rows]], given: Given) -> dict[str, Any]:
    """Compare the times of the parts, those of each recipe among themselves: a bundle has one of each time."""
    spans: dict[tuple[str, ...], dict[str, list[tuple[int, str]]]] = {}
    for (how, rows), gave in zip(pieces, given, strict=True):
        if how["method"] != "time":
            continue
        span = spans.setdefault(tuple(how["cuts"][part] for part in PARTS[1:]), {part: [] for part in PARTS})
        for row, slot in gave:
            span[slot].append((rows.times[row], rows.ids[row]))  # type: ignore[index,arg-type]
    wrong: list[str] = []
    ranges = []
    for span in spans.values():
        last = None
        for part in PARTS:
            wrong += [f"{one} in {part} of {moment(at)}" for at, one in span[part] if last is not None and at <= last]
            last = max([at for at, _ in span[part]] + ([] if last is None else [last]), default=None)
        ranges.append({part: [moment(min(found)[0]), moment(max(found)[0])] for part, found in span.items() if found})
    check = {"name": "time_order", "ok": not wrong, "value": len(wrong), "limit": "0 items not after the part before"}
    return {**check, "ranges": ranges, **({"examples": sorted(wrong)[:EXAMPLES]} if wrong else {})}
