"""Splits: a recipe that gives the same parts years later, on another machine, under another library.

Algorithm ``hash-systematic-1``. The items of one stratum (a round; with the method ``stratified``, a class of a
round) are put in the order of the SHA-256 of algorithm, seed and item id. The item at rank i of n lies at the
point (i + u) / n, where u, from 0 up to 1, comes from the SHA-256 of algorithm, seed and stratum. Points below
the train ratio are train, those below train plus validation are validation, the rest is test. So

- every stratum has its ratios up to one item, and many small strata have them in the mean;
- a new round never moves an item of an old one: what was test stays test in every later version and bundle;
- equal contents have one id and therefore one part; the first occurrence counts.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.clients.lakefs import DataConflict, DataNotFound, DataRepository
from include.data import items, rounds, versions
from include.data.errors import ReferenceFault
from include.data.merge import publish
from include.data.rounds import Piece, Ref
from include.projects import Project
from include.projects.project import Split
from include.settings import Settings

ALGORITHM = "hash-systematic-1"
PARTS = ("train", "validation", "test")

Recipe = dict[str, Any]  # {"algorithm", "method", "ratios", "seed"}
Row = tuple[str, str | None]  # item id, label


@dataclass
class Assignment:
    """Which item belongs to which part.

    Attributes:
        parts: part by item id.
        labels: label by item id.
        unlabelled: rows left out because nobody knows their answer.
        repeated: rows left out because an earlier one has the same content.
        contradicting: those of ``repeated`` whose label is another one.
    """

    parts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    unlabelled: int = 0
    repeated: int = 0
    contradicting: int = 0


def recipe(split: Split) -> Recipe:
    """Return the recipe that project.yaml asks for."""
    ratios = {part: split.ratios[part] for part in PARTS}  # type: ignore[index]
    return {"algorithm": ALGORITHM, "method": split.method, "ratios": ratios, "seed": split.seed}


def assign(pieces: Iterable[tuple[str, Recipe, Iterable[Row]]]) -> Assignment:
    """Give every labelled item of some rounds its part.

    Args:
        pieces: each round's name, the recipe its items follow, and its rows; the first occurrence of an id counts.

    Raises:
        ReferenceFault: a recipe of an algorithm that this product does not know.
    """
    result = Assignment()
    for name, how, rows in pieces:
        if how["algorithm"] != ALGORITHM:
            problem = f"its split follows {how['algorithm']!r}"
            raise ReferenceFault(f"round {name}", problem, f"This version knows {ALGORITHM}; use the one that made the split")
        strata: dict[str, list[str]] = defaultdict(list)
        for one, label in rows:
            if label is None:
                result.unlabelled += 1
            elif one in result.labels:
                result.repeated += 1
                result.contradicting += result.labels[one] != label
            else:
                result.labels[one] = label
                strata[json.dumps([name, label] if how["method"] == "stratified" else [name])].append(one)
        for stratum, ids in strata.items():
            result.parts.update(_divide(stratum, ids, how))
    return result


def make_split(settings: Settings, project: Project, version_ref: Ref) -> Ref:
    """Make and store the split of a version; the same version and recipe give the same split.

    Rounds that a bundle took from a version that was split before keep the recipe of that split.

    Args:
        settings: the data server.
        project: ``split`` is the recipe of rounds that have none.
        version_ref: from `tag_version` or `make_bundle`.

    Returns:
        The split's reference: repository, zone, version, commit, split_path, split_digest, counts by part.
        ``commit`` holds the version's data and the split, and nothing that came later.

    Raises:
        ReferenceFault: a part would be empty.
    """
    repo = DataRepository(settings, version_ref["repository"], version_ref["zone"])
    name = version_ref["version"]
    how = recipe(project.split)
    version = versions.document(repo, version_ref["commit"], name)
    pieces: list[Piece] = [{**piece, "split": piece["split"] or how} for piece in version["pieces"]]  # type: ignore[typeddict-item]
    assignment = assign((round_name(piece), recipe_of(piece), _rows(settings, piece)) for piece in pieces)
    document = {
        "format": 1,
        "project": project.name,
        "version": name,
        "commit": version_ref["commit"],
        "pieces": pieces,
        "parts": {part: describe_part(assignment, part) for part in PARTS},
        "left_out": {
            "unlabelled": assignment.unlabelled,
            "repeated": assignment.repeated,
            "contradicting": assignment.contradicting,
        },
    }
    counts = {part: document["parts"][part]["count"] for part in PARTS}  # type: ignore[index]
    if empty := [part for part, count in counts.items() if not count]:
        where = f"{repo.name}, version {name}"
        raise ReferenceFault(where, f"{', '.join(empty)} would be empty", "Collect more labelled items or change the ratios")
    digest = items.digest(document)
    path = f"splits/{digest.removeprefix('sha256:')}.json"
    about = {
        "kind": "split",
        "project": project.name,
        "version": name,
        "digest": digest,
        "author": version_ref["author"],
        "run_id": version_ref["run_id"],
        "count": sum(counts.values()),
    }
    commit = _store(repo, path, document, digest, about, version_ref["commit"])
    place = {"repository": repo.name, "zone": repo.zone, "version": name, "commit": commit}
    return {**place, "split_path": path, "split_digest": digest, "counts": counts}


def describe_part(assignment: Assignment, part: str) -> dict[str, Any]:
    """Return what identifies a part: how many items, the digests of its ids and of its labels, the classes."""
    ids = sorted(one for one, where in assignment.parts.items() if where == part)
    labelled = (f"{one} {json.dumps(assignment.labels[one])}" for one in ids)
    classes = Counter(assignment.labels[one] for one in ids)
    return {
        "count": len(ids),
        "ids": _lines_digest(ids),
        "labels": _lines_digest(labelled),
        "classes": dict(sorted(classes.items())),
    }


def round_name(piece: Piece) -> str:
    """Return the name of a round in strata: the same wherever the round is used."""
    return f"{piece['repository']}/{piece['round']:06d}"


def recipe_of(piece: Piece) -> Recipe:
    """Return the recipe that a round of a split follows."""
    if piece["split"] is None:
        raise ReferenceFault(round_name(piece), "no recipe is recorded for it", "Make the split again")
    return piece["split"]


def reader(settings: Settings, piece: Mapping[str, Any]) -> DataRepository:
    """Return the repository of a round for reading; the ops credential may read dev data, never the reverse."""
    zone = piece["zone"]
    if zone == "dev" and not settings.data_dev_access_key:
        zone = "ops"
    return DataRepository(settings, piece["repository"], zone)


def _rows(settings: Settings, piece: Piece) -> Iterable[Row]:
    path = rounds.items_path(piece["round"])
    table = items.read(reader(settings, piece), piece["commit"], path, ["item_id", "label"])
    return zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True)


def _store(repo: DataRepository, path: str, document: dict[str, Any], digest: str, about: dict[str, Any], source: str) -> str:
    def stored() -> str | None:
        done = repo.find("main", step="merge", kind="split", digest=digest)
        return done.metadata["commit"] if done else None

    if commit := stored():
        return commit
    branch = rounds.branch_name(f"{about['run_id']}", f"split {digest}")
    try:
        commit, _, _ = publish(repo, branch, lambda _: ({path: document}, f"Split of {about['version']}", about), source)
    except (DataConflict, DataNotFound):  # another run stored the same split at the same moment
        if commit := stored():
            return commit
        raise
    return commit


def _divide(stratum: str, ids: list[str], how: Recipe) -> dict[str, str]:
    seed = f"{ALGORITHM}\n{how['seed']}"
    begin = hashlib.sha256(f"{seed}\nstratum\n{stratum}".encode()).digest()
    offset = int.from_bytes(begin[:6], "big") / 2**48  # 48 bits: exact, and below 1, in a 64-bit float
    ordered = sorted(ids, key=lambda one: hashlib.sha256(f"{seed}\nitem\n{one}".encode()).digest())
    train = how["ratios"]["train"]
    validation = train + how["ratios"]["validation"]
    points = ((rank + offset) / len(ordered) for rank in range(len(ordered)))
    parts = ("train" if point < train else "validation" if point < validation else "test" for point in points)
    return dict(zip(ordered, parts, strict=True))


def _lines_digest(lines: Iterable[str]) -> str:
    return f"sha256:{hashlib.sha256(''.join(f'{line}' + chr(10) for line in lines).encode()).hexdigest()}"
