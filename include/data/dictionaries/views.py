"""Looking at dictionaries: how two versions differ, and one as a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.data import items
from include.data.dictionaries.store import difference
from include.data.dictionaries.stored import dictionary
from include.data.folder import write_whole
from include.projects import Project
from include.settings import Settings, Zone

EXAMPLES = 5


def compare_dictionaries(
    settings: Settings, project: Project, zone: Zone, name: str, first: str, second: str | None = None
) -> dict[str, Any]:
    """Compare two versions of a dictionary.

    Args:
        settings: the data server.
        project: whose.
        zone: of which repository.
        name: of the dictionary.
        first: the older version, such as ``v1``.
        second: the other; None takes the newest.

    Returns:
        ``versions``, ``digests`` and ``words`` as pairs; ``identical``; how many entries are ``added``, ``removed`` and
        ``changed`` (weight or replacement); ``examples`` of each as pairs of entries.

    Raises:
        DictionaryError: there is no such dictionary or version.
    """
    old, new = (dictionary(settings, project, zone, name, version) for version in (first, second))
    found = difference(old.entries, new.entries)
    shown = {what: [[one and asdict(one) for one in pair] for pair in some[:EXAMPLES]] for what, some in found.items() if some}
    return {
        "versions": [old.version, new.version],
        "digests": [old.digest, new.digest],
        "words": [len(old.entries), len(new.entries)],
        "identical": not any(found.values()),
        **{what: len(some) for what, some in found.items()},
        "examples": shown,
    }


def restore_dictionary(
    settings: Settings, project: Project, zone: Zone, name: str, version: str | None, folder: Path
) -> dict[str, Any]:
    """Write a dictionary to a folder: ``words.jsonl``, an entry a line, ``dictionary.json`` and ``SHA256SUMS``.

    Args:
        settings: the data server.
        project: whose.
        zone: of which repository.
        name: of the dictionary.
        version: such as ``v2``; None takes the newest.
        folder: new, or empty; it appears whole or not at all.

    Returns:
        ``{"folder", "dictionary", "version", "words", "digest"}``; ``digest`` is that of ``SHA256SUMS``.

    Raises:
        DictionaryError: there is no such dictionary or version.
        ReferenceFault: the folder holds something.
    """
    found = dictionary(settings, project, zone, name, version)

    def fill(made: Path) -> None:
        about = {"dictionary": name, "version": found.version, "digest": found.digest, "words": len(found.entries)}
        (made / "dictionary.json").write_bytes(items.dump(about))
        with (made / "words.jsonl").open("wb") as lines:
            for one in found.entries:
                lines.write(items.dump({key: value for key, value in asdict(one).items() if value is not None}) + b"\n")

    _, digest = write_whole(folder, fill)
    place = {"folder": str(folder.absolute()), "dictionary": name, "version": found.version}
    return {**place, "words": len(found.entries), "digest": digest}
