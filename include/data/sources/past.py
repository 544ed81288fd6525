"""What earlier rounds tell a reader: marks, files and items that were taken, and what a source looked like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import items, rounds
from include.data.sources.base import Mark, Past
from include.projects.parts import NAME


def names(document: dict[str, Any]) -> dict[str, int]:
    """Return the sources that gave a round items, with the number of them; the first rounds had one source alone."""
    found = document.get("sources") or {document["source"]: document["count"]}
    return {name: count for name, count in found.items() if count}


def past(repo: DataRepository, known: list[int], name: str, label: str, mark: Mark | None) -> Past:
    """Return what a reader may ask about earlier rounds; nothing is read before it does.

    Args:
        repo: holds the rounds.
        known: their numbers.
        name: of the source in rounds.
        label: of a further source; empty for the first.
        mark: behind what was taken.
    """

    def objects(what: str, numbers: list[int]) -> Iterator[bytes]:
        return (repo.get("main", rounds.folder(one) + beside(label, what)) for one in numbers)

    def taken(paths: set[str]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for one in known:
            if name not in names(rounds.describe(repo, "main", one)):
                continue
            with items.opened(repo, "main", rounds.items_path(one)) as file:
                for batch in file.iter_batches(items.BATCH, columns=["key", "item_id", "source"]):
                    rows = zip(*(batch[column].to_pylist() for column in ("key", "item_id", "source")), strict=True)
                    plain = ((key.removeprefix(prefix(label)), item) for key, item, source in rows if source == name)
                    found.update(pair for pair in plain if _of(pair[0], paths))
        return found

    return Past(mark, known[-1] + 1 if known else 1, objects, taken)


def columns(repo: DataRepository, known: list[int], wanted: set[str]) -> dict[str, list[str]] | None:
    """Return what the fields of sources were in the last round of each; None where no round has any of them.

    Args:
        repo: holds the rounds.
        known: their numbers.
        wanted: names of the sources.
    """
    found: dict[str, list[str]] = {}
    left = set(wanted)
    for number in reversed(known):
        if not left:
            break
        document = rounds.describe(repo, "main", number)
        before = document.get("findings", {}).get("columns")
        if before is None:
            continue
        labels = {_label_of(name) for name in document.get("sources", ())} - {""}
        for name in left & set(names(document)):
            found.update({one: kinds for one, kinds in before.items() if _owner(one, labels) == _label_of(name)})
            left.discard(name)
    return found if left != wanted else None


def prefix(label: str) -> str:
    """Return what stands before the keys and fields of a further source."""
    return f"{label}:" if label else ""


def beside(label: str, what: str) -> str:
    """Return the name of an object of a source beside the round."""
    return f"{label}.{what}" if label else what


def _label_of(name: str) -> str:
    """Return the label in a source's name, such as ``stream`` of ``stream=kafka:scans``; empty for the first source."""
    label, sign, _ = name.partition("=")
    return label if sign and NAME.match(label) else ""


def _owner(column: str, labels: set[str]) -> str:
    label, sign, _ = column.partition(":")
    return label if sign and label in labels else ""


def _of(key: str, paths: set[str]) -> bool:
    """Tell whether an item's key, a path or ``<path>#<key>``, is of one of these files; any part may hold a #."""
    return key in paths or any(sign == "#" and key[:place] in paths for place, sign in enumerate(key))
