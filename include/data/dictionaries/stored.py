"""Reading dictionaries: where their versions lie, and their words after comparing them with their digest."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import rounds
from include.data.dictionaries.entries import FIELDS, DictionaryError, Entry, digest
from include.data.dictionaries.words import Dictionary
from include.data.errors import IntegrityError
from include.data.tables import reader
from include.projects import Project
from include.settings import Settings, Zone

VERSION = re.compile(r"^v([1-9]\d{0,8})$")


def dictionary(settings: Settings, project: Project, zone: Zone, name: str, version: str | None = None) -> Dictionary:
    """Return a dictionary, after comparing its words with its digest.

    Args:
        settings: the data server.
        project: whose.
        zone: of which repository; the ops credential may read dev.
        name: of the dictionary.
        version: such as ``v2``; None takes the newest.

    Raises:
        DictionaryError: there is no such dictionary or version.
        IntegrityError: its words are not what they were.
    """
    repo = reader(settings, {"repository": project.repositories[zone], "zone": zone})
    known = _tags(repo)
    if not (mine := known.get(name)):
        raise DictionaryError(repo.name, f"there is no dictionary {name!r}", f"Dictionaries there: {', '.join(known) or 'none'}")
    wanted = version or mine[-1]
    if wanted not in mine:
        problem = f"the dictionary {name} has no version {wanted!r}"
        raise DictionaryError(repo.name, problem, f"It has {', '.join(mine)}")
    return stored(repo, tag(name, wanted), name, wanted)


def list_dictionaries(settings: Settings, project: Project, zone: Zone) -> list[dict[str, Any]]:
    """Return every version of every dictionary of a zone, oldest first of each name: what its ``round.json`` says."""
    repo = reader(settings, {"repository": project.repositories[zone], "zone": zone})
    try:
        known = _tags(repo)
    except DataNotFound:
        return []
    found = []
    for name, versions in known.items():
        for version in versions:
            number = number_of(repo, tag(name, version), name, version)
            found.append(rounds.describe(repo, tag(name, version), number))
    return found


def tag(name: str, version: str) -> str:
    """Return the tag of a version of a dictionary."""
    return f"dict-{name}-{version}"


def document_path(name: str, version: str) -> str:
    """Return the path of what says which round a version is."""
    return f"dictionaries/{name}/{version}.json"


def words_path(number: int) -> str:
    """Return the path of a dictionary's table."""
    return f"{rounds.folder(number)}words.parquet"


def numbers(repo: DataRepository, ref: str, name: str) -> list[int]:
    """Return the numbers of a dictionary's versions at ``ref``."""
    paths = (path.rpartition("/")[2].removesuffix(".json") for path in repo.list(ref, f"dictionaries/{name}/"))
    return sorted(int(match[1]) for one in paths if (match := VERSION.match(one)))


def _tags(repo: DataRepository) -> dict[str, list[str]]:
    found: dict[str, list[int]] = {}
    for one in repo.tags():
        prefix, _, version = one.rpartition("-")
        if prefix.startswith("dict-") and (match := VERSION.match(version)):
            found.setdefault(prefix.removeprefix("dict-"), []).append(int(match[1]))
    return {name: [f"v{number}" for number in sorted(numbers)] for name, numbers in sorted(found.items())}


def number_of(repo: DataRepository, ref: str, name: str, version: str) -> int:
    """Return the number of the round that a version is."""
    return int(json.loads(repo.get(ref, document_path(name, version)))["number"])


def stored(repo: DataRepository, ref: str, name: str, version: str) -> Dictionary:
    """Return a version at ``ref``; raises IntegrityError where its words are not those of its digest."""
    import pyarrow.parquet as pq

    told = json.loads(repo.get(ref, document_path(name, version)))
    table = pq.read_table(io.BytesIO(repo.get(ref, words_path(told["number"]))))
    entries = [Entry(**row) for row in table.select(FIELDS).to_pylist()]
    if (found := digest(entries)) != told["digest"]:
        where = f"{repo.name}, dictionary {name} {version}"
        raise IntegrityError(where, f"its digest is {found}, wanted {told['digest']}", "Do not use it; find out who changed it")
    return Dictionary(name, version, entries, found)
