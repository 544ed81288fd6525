"""Looking at splits: which there are, which items lie in which part, and how two of them differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.data import items, split
from include.data.errors import ReferenceFault
from include.data.folds import Fold, named, order, parts_of, shape
from include.data.parts import OpenSplit, open_split, split_document
from include.data.rounds import Ref
from include.data.tables import reader
from include.projects import Project
from include.settings import Settings, Zone

DIGEST = re.compile(r"^(sha256:)?([0-9a-f]{6,64})$")
EXAMPLES = 5


def list_splits(settings: Settings, project: Project, zone: Zone) -> list[Ref]:
    """Return the references of all stored splits of a zone, oldest first, each with ``author`` and ``method``."""
    repo = reader(settings, {"repository": project.repositories[zone], "zone": zone})
    found: dict[str, Ref] = {}
    for commit in repo.log():
        about = commit.metadata
        if about.get("step") == "merge" and about.get("kind") == "split":
            digest = about["digest"]
            place = {"repository": repo.name, "zone": zone, "commit": about["commit"], "split_digest": digest}
            document = split_document(settings, {**place, "split_path": split.split_path(digest)})
            ref = split.reference(repo, document, about["commit"], digest)
            method = split.recipe_of(document["pieces"][-1])["method"]
            found[digest] = {**ref, "zone": zone, "author": about.get("author", ""), "method": method}
    return list(found.values())[::-1]


def find_split(settings: Settings, project: Project, zone: Zone, name: str = "") -> Ref:
    """Return the reference of a stored split.

    Args:
        settings: the data server.
        project: whose.
        zone: in whose repository.
        name: a version such as ``v3`` for its newest split, six or more digits of a split's digest, or empty for
            the newest split of all.

    Raises:
        ReferenceFault: there is none, or several digests begin so.
    """
    stored = list_splits(settings, project, zone)
    if digits := DIGEST.match(name):
        found = [ref for ref in stored if ref["split_digest"].removeprefix("sha256:").startswith(digits[2])]
    else:
        found = [ref for ref in stored if not name or ref["version"] == name][-1:]
    if len(found) == 1:
        return found[0]
    where = f"splits of {project.repositories[zone]}"
    if found:
        raise ReferenceFault(where, f"{len(found)} digests begin with {name!r}", "Give more of its digits")
    known = ", ".join(f"{ref['version']} {ref['split_digest'][7:19]}" for ref in stored[-10:]) or "none"
    problem = f"there is none named {name!r}" if name else "there is none"
    raise ReferenceFault(where, problem, f"Give a version or six or more digits of a digest; stored: {known}")


def split_items(settings: Settings, split_ref: Ref, fold: Fold | None = None) -> Iterator[dict[str, Any]]:
    """Yield every item of a split: part, item_id, key, label, group and round, part by part.

    Args:
        settings: the data server.
        split_ref: from `make_split`, `list_splits` or `find_split`.
        fold: from which fold it is seen, as for `load_part`; None names the folds themselves.

    Raises:
        IntegrityError: the items are no more those that the split was made of.
    """
    opened = open_split(settings, split_ref, ["key"])
    slots = named(opened.recipe, fold, opened.where)
    opened.verify()
    for part in order(slots):
        for piece, table in opened.given([slot for slot, its in slots.items() if its == part]):
            for row in table.select(["item_id", "key", "label", items.GROUP]).to_pylist():
                yield {"part": part, **row, "round": split.round_name(piece)}


def origin_counts(settings: Settings, split_ref: Ref, part: str) -> dict[str, int]:
    """Return how many items of a part a bundle has from ``old`` and from ``new`` rounds; a version has none of either.

    Args:
        settings: the data server.
        split_ref: from `make_split`.
        part: ``train``, ``validation`` or ``test``.
    """
    opened = open_split(settings, split_ref)
    slots = [slot for slot, its in parts_of(opened.recipe, None, opened.where).items() if its == part]
    found = Counter[str]()
    for piece, table in opened.given(slots):
        found[piece["origin"]] += table.num_rows
    return {origin: found[origin] for origin in ("old", "new")}


def compare_splits(
    settings: Settings, first: Ref, second: Ref, fold: Fold | None = None, second_fold: Fold | None = None
) -> dict[str, Any]:
    """Compare two splits item by item.

    Args:
        settings: the data servers.
        first: reference of the one.
        second: reference of the other; of another version, method or repository if you like.
        fold: from which fold the first is seen; None names the folds themselves.
        second_fold: the same of the second; None takes ``fold`` where the second has folds too.

    Returns:
        ``identical``; ``items`` of each; ``moved`` as ``{"train -> test": n}``; ``added``, ``removed`` and
        ``relabelled`` items; ``parts``, of each part ``count`` and ``classes`` as pairs of both, ``added`` (new to
        the second split), ``removed`` (not in it any more), ``moved_in`` and ``moved_out``; ``examples`` of item ids.

    Raises:
        ReferenceFault: no such fold, or one split has folds and the other has not and none was chosen.
        IntegrityError: the items are no more those that a split was made of.
    """
    opened = [open_split(settings, ref) for ref in (first, second)]
    chosen = [fold, fold if second_fold is None and shape(opened[1].recipe) else second_fold]
    names = [named(one.recipe, seen, one.where) for one, seen in zip(opened, chosen, strict=True)]
    if len({frozenset(one.values()) for one in names}) > 1:
        raise ReferenceFault(opened[1].where, "the two have other parts or folds", "Choose the fold from which to see each")
    for one in opened:
        one.verify()
    return _difference(opened, names)


def _difference(opened: list[OpenSplit], names: list[dict[str, str]]) -> dict[str, Any]:
    old, new = ({one: name[slot] for one, slot in o.assignment.parts.items()} for o, name in zip(opened, names, strict=True))
    labels = [one.assignment.labels for one in opened]
    both = old.keys() & new.keys()
    moved = sorted(one for one in both if old[one] != new[one])
    added, removed = sorted(new.keys() - both), sorted(old.keys() - both)
    relabelled = sorted(one for one in both if labels[0][one] != labels[1][one])
    classes = [Counter((side[one], its[one]) for one in side) for side, its in zip((old, new), labels, strict=True)]
    counts = [Counter(side.values()) for side in (old, new)]
    counted = {
        "added": Counter(new[one] for one in added),
        "removed": Counter(old[one] for one in removed),
        "moved_in": Counter(new[one] for one in moved),
        "moved_out": Counter(old[one] for one in moved),
    }
    every = sorted({label for _, label in (*classes[0], *classes[1])})
    parts = {
        part: {
            "count": [side[part] for side in counts],
            **{name: found[part] for name, found in counted.items()},
            "classes": {label: pair for label in every if any(pair := [side[part, label] for side in classes])},
        }
        for part in order(names[0])
    }
    differing = {"moved": moved, "added": added, "removed": removed, "relabelled": relabelled}
    return {
        "identical": not any(differing.values()),
        "items": [len(old), len(new)],
        "moved": dict(sorted(Counter(f"{old[one]} -> {new[one]}" for one in moved).items())),
        "added": len(added),
        "removed": len(removed),
        "relabelled": len(relabelled),
        "parts": parts,
        "examples": {name: found[:EXAMPLES] for name, found in differing.items() if found},
    }
