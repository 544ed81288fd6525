"""What is counted of a repository's records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from include.data.records import Document, Records
from include.data.versions import DATA

SHARES = ("missing_labels", "duplicates", "bad_rows")  # checks whose values are shares of a round's items


def totals(found: Records) -> dict[str, int]:
    """Return how many rounds, items, labels, bytes, versions and splits there are."""
    data = data_rounds(found)
    return {
        "rounds": len(found.rounds),
        "items": sum(one["count"] for one in data),
        "labelled": sum(one["labelled"] for one in data),
        "bytes": sum(one["bytes"] for one in found.rounds),
        "versions": len(found.versions),
        "splits": len(found.splits),
    }


def data_rounds(found: Records) -> list[Document]:
    """Return the rounds that hold items."""
    return [one for one in found.rounds if one["kind"] in DATA]


def states(found: Records) -> list[dict[str, Any]]:
    """Return how many items are in each state, from raw to split: ``state``, ``items`` and ``of`` (what was counted).

    Refined and labelled are those of the newest version, split those of the newest split.
    """
    data = data_rounds(found)
    raw = {"state": "raw", "items": sum(one["count"] for one in data), "of": f"{len(data)} rounds"}
    newest, split = _last(found.versions), _last(found.splits)
    name = newest["version"] if newest else "no version yet"
    return [
        raw,
        {"state": "refined", "items": newest["count"] if newest else 0, "of": name},
        {"state": "labelled", "items": newest["labelled"] if newest else 0, "of": name},
        {"state": "split", "items": split["count"] if split else 0, "of": split["version"] if split else "no split yet"},
    ]


def classes(found: Records, known: Sequence[str], newest: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return how often each class occurs: ``class``, ``raw`` (as collected) and ``version`` (in the newest one).

    Args:
        found: the records.
        known: the project's classes, in its order; others that occur come behind.
        newest: the document of the newest version, None where there is none or it counted nothing.
    """
    raw: Counter[str] = Counter()
    for one in data_rounds(found):
        raw.update(one["labels"])
    given = (newest or {}).get("labels")
    names = list(dict.fromkeys([*known, *raw, *(given or {})]))
    return [{"class": name, "raw": raw[name], "version": given.get(name, 0) if given is not None else None} for name in names]


def sources(found: Records) -> list[dict[str, Any]]:
    """Return what each source brought: ``source``, ``rounds``, ``items``, ``bytes``, ``first`` and ``last`` (times)."""
    seen: dict[str, dict[str, Any]] = {}
    for one in data_rounds(found):
        counts = one.get("sources") or {one["source"]: one["count"]}
        for name, count in counts.items():
            if not count:
                continue
            mine = seen.setdefault(name, {"source": name, "rounds": 0, "items": 0, "bytes": 0, "first": one["created_at"]})
            mine["rounds"] += 1
            mine["items"] += count
            mine["bytes"] += round(one["bytes"] * count / max(one["count"], 1))
            mine["last"] = one["created_at"]
    return list(seen.values())


def growth(found: Records) -> list[dict[str, Any]]:
    """Return how data grew: at each round with items ``at``, and ``items``, ``labelled`` and ``bytes`` up to it."""
    items = labelled = size = 0
    grown = []
    for one in data_rounds(found):
        items, labelled, size = items + one["count"], labelled + one["labelled"], size + one["bytes"]
        grown.append({"at": one["created_at"], "items": items, "labelled": labelled, "bytes": size})
    return grown


def rounds(found: Records) -> list[dict[str, Any]]:
    """Return the rounds, oldest first, each with what refining, checks and review said about it."""
    return [described(one) for one in found.rounds]


def described(one: Document) -> dict[str, Any]:
    """Return one round in short."""
    names = (
        "number",
        "kind",
        "source",
        "author",
        "run_id",
        "created_at",
        "count",
        "bytes",
        "labelled",
        "labels",
        "merged",
        "report",
    )
    refined = _last(one["refined"])
    return {
        **{name: one[name] for name in names},
        "refined": {name: refined.get(name) for name in ("count", "left_out", "recipe")} if refined else None,
        "checks": _checked(one["checks"]),
        "review": one["review"],
    }


def labelling(found: Records) -> dict[str, Any]:
    """Return how far labelling is.

    Returns:
        ``version``, ``items``, ``labelled``, ``waiting`` and ``share`` of the newest version, and ``rounds``: of each
        labelled round ``round``, ``at``, ``source``, ``labels`` (how many), ``disputed``, ``missing``, ``agreement``
        (mean, 0 to 1), ``alpha`` (Krippendorff's) and ``people`` (answers and agreement by name).
    """
    newest = _last(found.versions)
    count, done = (newest["count"], newest["labelled"]) if newest else (0, 0)
    return {
        "version": newest["version"] if newest else None,
        "items": count,
        "labelled": done,
        "waiting": max(count - done, 0),
        "share": round(done / count, 6) if count else None,
        "rounds": [_labelled(one) for one in found.rounds if one["kind"] == "labels"],
    }


def quality(found: Records) -> list[dict[str, Any]]:
    """Return how good the data was that each version added.

    Returns:
        For each version ``version``, ``at``, ``count``, ``labelled`` (share, 0 to 1), ``rounds`` (numbers of those that the
        version before did not have), ``checks`` (run on them), ``warnings``, ``left_out`` (by refining), ``reviews`` (by
        decision), and ``shares``: the worst value of each check in `SHARES`.
    """
    by_number = {one["number"]: one for one in found.rounds}
    before: set[int] = set()
    told = []
    for version in found.versions:
        mine = [number for number in version["rounds"] if number not in before]
        before |= set(mine)
        told.append({**_quality(version, [by_number[number] for number in mine if number in by_number]), "rounds": mine})
    return told


def _quality(version: Document, added: Iterable[Document]) -> dict[str, Any]:
    ran = warnings = left_out = 0
    reviews: Counter[str] = Counter()
    shares: dict[str, float] = {}
    for one in added:
        for check in (one["checks"] or {}).get("checks", []):
            ran += 1
            warnings += len(check.get("warnings") or [])
            if check.get("name") in SHARES and isinstance(check.get("value"), int | float):
                shares[check["name"]] = max(shares.get(check["name"], 0.0), float(check["value"]))
        refined = _last(one["refined"])
        left_out += refined.get("left_out", 0) if refined else 0
        if one["review"]:
            reviews[str(one["review"].get("decision", "unknown"))] += 1
    return {
        "version": version["version"],
        "at": version["created_at"],
        "count": version["count"],
        "labelled": round(version["labelled"] / version["count"], 6) if version["count"] else None,
        "checks": ran,
        "warnings": warnings,
        "left_out": left_out,
        "reviews": dict(reviews),
        "shares": shares,
    }


def _checked(report: Document | None) -> dict[str, Any] | None:
    if report is None:
        return None
    checks = report["checks"]
    failed = [{name: one.get(name) for name in ("name", "value", "limit")} for one in checks if not one.get("ok")]
    return {
        "ok": report["ok"],
        "ran": len(checks),
        "failed": failed,
        "warnings": sum(len(c.get("warnings") or []) for c in checks),
    }


def _labelled(one: Document) -> dict[str, Any]:
    agreement = one.get("agreement") or {}
    return {
        "round": one["number"],
        "at": one["created_at"],
        "source": one["source"],
        "labels": one["count"],
        "disputed": agreement.get("disputed", 0),
        "missing": agreement.get("missing", 0),
        "agreement": agreement.get("mean"),
        "alpha": agreement.get("alpha"),
        "people": agreement.get("people") or {},
    }


def _last(found: Sequence[Document]) -> Document | None:
    return found[-1] if found else None
