"""Verdicts: what one check found, in the form that every check of a round has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Verdict = dict[str, Any]
EXAMPLES = 5
CHARS = 120


def verdict(
    name: str,
    kind: str,
    value: Any,
    limit: str,
    ok: bool,
    *,
    gate: bool,
    advice: str = "",
    examples: Iterable[str] = (),
    more: Sequence[str] = (),
) -> Verdict:
    """Return the verdict of one check.

    Args:
        name: of the check.
        kind: what it is about: completeness, types, ranges, uniqueness, consistency, labels, balance, duplicates,
            leakage, outliers, files, personal.
        value: what was found.
        limit: what is wanted, in words.
        ok: whether the value is within the limit.
        gate: whether a value beyond the limit stops the merge; otherwise it is a warning.
        advice: what to do where it is beyond.
        examples: keys of items it is about.
        more: further warnings.

    Returns:
        ``{"name", "kind", "ok", "value", "limit", "severity", "examples"?, "warnings"?, "advice"?}``; ``ok`` of a
        warning is always true.
    """
    found: Verdict = {
        "name": name,
        "kind": kind,
        "ok": bool(ok) or not gate,
        "value": value,
        "limit": limit,
        "severity": "gate" if gate else "warning",
    }
    shown = [str(one)[:CHARS] for one in list(examples)[:EXAMPLES]]
    warnings = list(more)
    if not ok:
        if shown:
            found["examples"] = shown
        if advice:
            found["advice"] = advice
        if not gate:
            such = f" (for example {', '.join(shown)})" if shown else ""
            warnings.insert(0, f"{value}, expected {limit}{such}. {advice}".strip())
    return {**found, "warnings": warnings} if warnings else found


def share(
    name: str,
    kind: str,
    bad: int,
    count: int,
    limit: float | None,
    *,
    notice: float = 0.0,
    gate: bool = True,
    advice: str = "",
    examples: Iterable[str] = (),
    more: Sequence[str] = (),
) -> Verdict:
    """Return the verdict about a share of items.

    Args:
        name: of the check.
        kind: as for `verdict`.
        bad: items found.
        count: items looked at.
        limit: largest share allowed; None makes it a warning from ``notice`` on.
        notice: the share that a warning allows.
        gate: False makes it a warning in any case.
        advice: as for `verdict`.
        examples: as for `verdict`.
        more: as for `verdict`.
    """
    part, most = bad / max(count, 1), notice if limit is None else limit
    said = f"<= {most:g}"
    strict = gate and limit is not None
    # A share is rounded for reading only.
    return verdict(name, kind, round(part, 6), said, part <= most, gate=strict, advice=advice, examples=examples, more=more)
