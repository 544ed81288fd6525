"""Split algorithms: recipes that give the same parts years later, on another machine, under another library.

A recipe names its algorithm. An algorithm never changes: what should divide otherwise gets another name. Each
gives every labelled item one slot: ``train``, ``validation`` or ``test``; of k folds ``1`` to ``k`` or ``test``;
of nested folds ``outer.inner``. All but ``time-cut-1`` work round by round, so a new round never moves an item of
an old one, and what was test stays test in every later version and bundle.

``hash-systematic-1`` (random, stratified). The items of one stratum (a round; stratified, a class of a round) are
put in the order of the SHA-256 of algorithm, seed and item id. The item at rank i of n lies at the point
(i + u) / n, where u, from 0 up to 1, comes from the SHA-256 of algorithm, seed and stratum. Points below the train
ratio are train, those below train plus validation are validation, the rest is test. Every stratum has its ratios
up to one item, and many small strata have them in the mean.

``hash-group-1`` (grouped). The same with groups for items: a group of s items that follows c items in a round of n
lies at (c + u s) / n. A group that an earlier round holds keeps its slot. An item without a group is one alone.

``time-cut-1`` (time). Two moments part train from validation and validation from test; the recipe holds them, so
items that come later do not move them. Items of one moment stay together.

``hash-folds-1`` (kfold, nested). The points of the two hash algorithms above, cut into folds of equal width.

Equal contents have one id and therefore one slot; the first occurrence counts.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any, NamedTuple

from include.data.errors import ReferenceFault
from include.projects.split import Split

PARTS = ("train", "validation", "test")
ALGORITHMS = {
    "random": "hash-systematic-1",
    "stratified": "hash-systematic-1",
    "grouped": "hash-group-1",
    "time": "time-cut-1",
    "kfold": "hash-folds-1",
    "nested": "hash-folds-1",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Recipe = dict[str, Any]  # {"algorithm", "method", and what the method takes}


class Rows(NamedTuple):
    """The columns of a round that a split looks at.

    Attributes:
        ids: item ids.
        labels: class names, None where nobody knows.
        groups: whose each item is; None for a round without groups.
        times: microseconds since 1970; None where no recipe asks for them.
        chosen: which rows are given out, None for all; the others are divided with them, so that a part of a round
            lies where it lay when all of the round was given.
    """

    ids: Sequence[str]
    labels: Sequence[str | None]
    groups: Sequence[str | None] | None = None
    times: Sequence[int | None] | None = None
    chosen: Sequence[bool] | None = None


@dataclass
class Assignment:
    """Which item lies in which slot.

    Attributes:
        parts: slot by item id.
        labels: label by item id.
        given: of each round, the rows that are used and the slot of each.
        unlabelled: rows left out because nobody knows their answer.
        repeated: rows left out because an earlier one has the same content.
        contradicting: those of ``repeated`` whose label is another one.
    """

    parts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    given: list[list[tuple[int, str]]] = field(default_factory=list)
    unlabelled: int = 0
    repeated: int = 0
    contradicting: int = 0


def recipe(split: Split) -> Recipe:
    """Return the recipe that project.yaml asks for; one by time still lacks its cuts."""
    how: Recipe = {"algorithm": ALGORITHMS[split.method], "method": split.method}
    if split.method == "kfold":
        return {**how, "by": split.by, "folds": split.folds, "test": split.test, "seed": split.seed}
    if split.method == "nested":
        return {**how, "by": split.by, "folds": split.folds, "inner_folds": split.inner_folds, "seed": split.seed}
    how["ratios"] = {part: split.ratios[part] for part in PARTS}  # type: ignore[index]
    return how if split.method == "time" else {**how, "seed": split.seed}


def with_cuts(how: Recipe, times: Iterable[int | None], where: str) -> Recipe:
    """Return a recipe by time with its two moments, taken from the times of the items that it divides.

    Raises:
        ReferenceFault: an item has no time.
    """
    every = list(times)
    known = sorted(one for one in every if one is not None)
    if len(known) < len(every) or not known:
        problem = f"{len(every) - len(known)} of {len(every)} labelled items have no time to order them by"
        raise ReferenceFault(where, problem, "Name data.source.taken_at and collect them with it, or split by another method")
    train = how["ratios"]["train"]
    edges = {"validation": train, "test": train + how["ratios"]["validation"]}
    at = {part: known[min(int(len(known) * edge + 0.5), len(known) - 1)] for part, edge in edges.items()}
    return {**how, "cuts": {part: moment(micros) for part, micros in at.items()}}


def moment(micros: int) -> str:
    """Return microseconds since 1970 as an ISO 8601 time."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds")


def by_group(how: Recipe) -> bool:
    """Tell whether a recipe keeps the items of a group together."""
    return "grouped" in (how["method"], how.get("by"))


def edges(how: Recipe) -> dict[str, float]:
    """Return the slots of a recipe in their order, each with the point where it ends."""
    if how["method"] == "kfold":
        k, held = how["folds"], how["test"]
        return {**{str(fold): (1 - held) * fold / k for fold in range(1, k + 1)}, "test": 1.0}
    if how["method"] == "nested":
        k, m = how["folds"], how["inner_folds"]
        return {f"{cell // m + 1}.{cell % m + 1}": (cell + 1) / (k * m) for cell in range(k * m)}
    train = how["ratios"]["train"]
    return {"train": train, "validation": train + how["ratios"]["validation"], "test": 1.0}


def assign(pieces: Iterable[tuple[str, Recipe, Rows]]) -> Assignment:
    """Give every labelled item of some rounds its slot.

    Args:
        pieces: each round's name, the recipe its items follow, and its rows; the first occurrence of an id counts.

    Raises:
        ReferenceFault: a recipe of an algorithm that this product does not know, or rounds with unlike folds.
    """
    result, kept, shape = Assignment(), dict[str, str](), list[str]()
    hidden: dict[str, str] = {}  # slots of what was divided and not given out
    for name, how, rows in pieces:
        if ALGORITHMS.get(how["method"]) != how["algorithm"]:
            problem = f"its split follows {how['algorithm']!r} with the method {how['method']!r}"
            known = ", ".join(sorted(set(ALGORITHMS.values())))
            raise ReferenceFault(f"round {name}", problem, f"This version knows {known}; use the one that made the split")
        if (shape := shape or list(edges(how))) != list(edges(how)):
            problem = "it and the rounds before it have other folds or parts"
            raise ReferenceFault(f"round {name}", problem, "Split their versions alike (split in project.yaml), then bundle them")
        divided, given = _first(rows, result, hidden)
        slots = _slots(name, how, rows, divided, kept)
        if hidden:
            new = dict(zip((rows.ids[row] for row in divided), slots, strict=True))
            hidden.update((one, slot) for one, slot in new.items() if one in hidden)
            slots = [new[one] if (one := rows.ids[row]) in new else hidden[one] for row in given]
        result.given.append(list(zip(given, slots, strict=True)))
        result.parts.update(zip((rows.ids[row] for row in given), slots, strict=True))
    return result


def _first(rows: Rows, result: Assignment, hidden: dict[str, str]) -> tuple[list[int], list[int]]:
    """Return the rows that are divided, labelled and the first with their content, and those that are given out."""
    divided, given = [], []
    chosen = repeat(True) if rows.chosen is None else rows.chosen
    for row, (one, label, wanted) in enumerate(zip(rows.ids, rows.labels, chosen, strict=False)):
        if label is None:
            result.unlabelled += wanted
        elif one in result.labels:
            result.repeated += wanted
            result.contradicting += wanted and result.labels[one] != label
        else:
            if one not in hidden:
                divided.append(row)
            if wanted:
                result.labels[one] = label
                given.append(row)
            else:
                hidden.setdefault(one, "")
    return divided, given


def _slots(name: str, how: Recipe, rows: Rows, chosen: list[int], kept: dict[str, str]) -> list[str]:
    names = list(edges(how))
    if how["method"] == "time":
        return [names[place] for place in _after(name, how, rows, chosen)]
    ends = list(edges(how).values())[:-1]
    if by_group(how):
        units = [_unit(rows, row) for row in chosen]
        new = Counter(unit for unit in units if unit not in kept)
        points = _points(json.dumps([name]), new, how)
        kept.update({unit: names[bisect_right(ends, point)] for unit, point in points.items()})
        return [kept[unit] for unit in units]
    stratified = "stratified" in (how["method"], how.get("by"))
    strata: dict[str, dict[str, int]] = defaultdict(dict)
    keys = {label: json.dumps([name, label] if stratified else [name]) for label in set(rows.labels)}
    for row in chosen:
        strata[keys[rows.labels[row]]][f"item\n{rows.ids[row]}"] = 1
    points = {unit: point for stratum, units in strata.items() for unit, point in _points(stratum, units, how).items()}
    return [names[bisect_right(ends, points[f"item\n{rows.ids[row]}"])] for row in chosen]


def _after(name: str, how: Recipe, rows: Rows, chosen: list[int]) -> list[int]:
    """Return how many of the cuts each row lies behind."""
    cuts = [(datetime.fromisoformat(how["cuts"][part]) - EPOCH) // timedelta(microseconds=1) for part in PARTS[1:]]
    times = [None if rows.times is None else rows.times[row] for row in chosen]
    if None in times:
        problem = f"{times.count(None)} labelled items have no time to order them by"
        raise ReferenceFault(f"round {name}", problem, "Name data.source.taken_at, or split by another method")
    return [bisect_right(cuts, one) for one in times]  # type: ignore[type-var]


def _unit(rows: Rows, row: int) -> str:
    group = rows.groups[row] if rows.groups is not None else None
    return f"item\n{rows.ids[row]}" if group is None else f"group\n{group}"


def _points(stratum: str, units: Mapping[str, int], how: Recipe) -> dict[str, float]:
    """Return the point of each unit (an item or a group, with its number of items) of one stratum."""
    seed = f"{how['algorithm']}\n{how['seed']}"
    begin = hashlib.sha256(f"{seed}\nstratum\n{stratum}".encode()).digest()
    offset = int.from_bytes(begin[:6], "big") / 2**48  # 48 bits: exact, and below 1, in a 64-bit float
    ordered = sorted(units, key=lambda unit: hashlib.sha256(f"{seed}\n{unit}".encode()).digest())
    points, before, total = {}, 0, sum(units.values())
    for unit in ordered:
        points[unit] = (before + offset * units[unit]) / total
        before += units[unit]
    return points
