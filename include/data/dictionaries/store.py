"""Dictionaries in the data repository: each version one round and one tag, whole and never changed.

``rounds/000004/`` holds ``words.parquet`` and ``round.json``; ``dictionaries/<name>/v2.json``, merged with it, makes
sure that two runs never get one number; the tag ``dict-<name>-v2`` makes it a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataRepository
from include.data import rounds
from include.data.dictionaries.entries import FIELDS, Conflicts, DictionaryError, Entry, collected, digest
from include.data.dictionaries.stored import dictionary, document_path, number_of, numbers, stored, tag, words_path
from include.data.merge import publish
from include.data.rounds import Ref
from include.projects import Project
from include.projects.dictionaries import DictionarySource
from include.projects.parts import NAME
from include.settings import Settings, Zone


def add_dictionary(
    settings: Settings,
    project: Project,
    zone: Zone,
    name: str,
    entries: Iterable[Any] | Path,
    run_id: str,
    author: str,
    *,
    extend: bool = False,
    conflicts: Conflicts = "refuse",
    notes: str = "",
    recipe: dict[str, Any] | None = None,
) -> Ref:
    """Keep words as the next version of a dictionary; the same words as the newest version are no change.

    Args:
        settings: the data server.
        project: whose.
        zone: whose repository takes them.
        name: of the dictionary: 2 to 41 lower-case letters, digits or underscores, a letter first.
        entries: words, mappings with ``word`` and, if you like, ``tag``, ``weight`` and ``replacement``, or entries;
            or a file of them (CSV, JSON Lines or text in UTF-8, by its suffix).
        run_id: of the pipeline run; the same run gets the same version.
        author: who adds it.
        extend: add to the newest version, whose entries give way to new ones with the same word and tag; otherwise
            these are all words of the new version.
        conflicts: what becomes of a word that is there twice with another weight or replacement.
        notes: what is new.
        recipe: what it was made of, where it was.

    Returns:
        The round's reference with ``dictionary`` (its name), ``dictionary_version`` (such as ``v2``), ``tag`` and
        ``report``; ``new`` is false where this run made it before, or nothing changed.

    Raises:
        DictionaryError: the name or an entry cannot be, there is no word, or there are conflicts and they are refused.
    """
    if not NAME.match(name):
        problem = f"{name!r} is no name of a dictionary"
        raise DictionaryError(project.name, problem, "Take 2 to 41 lower-case letters, digits or underscores, a letter first")
    repo = rounds.repository(settings, project, zone)
    repo.ensure()
    source = f"dictionary {name}"
    if done := rounds.merged(repo, run_id, "dictionary", source=source):
        version = done.metadata["dictionary_version"]
        repo.tag(tag(name, version), done.id)
        return _reference(repo, done.id, int(done.metadata["round"]), new=False)
    found = collected(_of_file(entries) if isinstance(entries, Path) else entries, conflicts, f"{repo.name}, {source}")
    new, whole = found.entries, found.entries
    with TemporaryDirectory(prefix="devmlops-words-") as folder:
        table = Path(folder) / "words.parquet"

        def build(base: str) -> tuple[dict[str, dict[str, Any] | Path], str, dict[str, Any]]:
            nonlocal whole
            last = max(numbers(repo, base, name), default=0)
            before = stored(repo, base, name, f"v{last}") if last else None
            if extend and before:
                whole = tuple(({one.key: one for one in before.entries} | {one.key: one for one in new}).values())
            if before and before.digest == digest(whole):
                raise _Same(last)
            _write(table, whole)
            known = rounds.numbers(repo, base)
            number, version = known[-1] + 1 if known else 1, f"v{last + 1}"
            changes = difference(before.entries if before else (), whole)
            document = {
                "format": 1,
                "number": number,
                "kind": "dictionary",
                "project": project.name,
                "source": source,
                "author": author,
                "run_id": run_id,
                "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "count": len(whole),
                "bytes": table.stat().st_size,
                "digest": digest(whole),
                "labels": {},
                "labelled": 0,
                "high_water_marks": rounds.describe(repo, base, known[-1])["high_water_marks"] if known else {},
                "dictionary": name,
                "dictionary_version": version,
                "notes": notes,
                "report": {**found.report, **{what: len(some) for what, some in changes.items()}},
                **({"recipe": recipe} if recipe else {}),
            }
            names = ("format", "number", "dictionary", "dictionary_version", "digest", "count")
            told = {document_path(name, version): {key: document[key] for key in names}}
            about = rounds.metadata("merge", document) | {"dictionary": name, "dictionary_version": version}
            message = f"Round {number}: dictionary {name} {version}, {len(whole)} words"
            return {words_path(number): table, rounds.round_path(number): document, **told}, message, about

        branch = rounds.branch_name(run_id, source)
        try:
            _, merge, about = publish(repo, branch, build)
        except _Same as same:
            repo.delete_branch(branch)
            commit = repo.tag(tag(name, f"v{same.number}"), _merge(repo, name, f"v{same.number}"))
            return _reference(repo, commit, number_of(repo, commit, name, f"v{same.number}"), new=False)
    repo.tag(tag(name, about["dictionary_version"]), merge)
    return _reference(repo, merge, about["round"], new=True)


def join_dictionaries(
    settings: Settings,
    project: Project,
    zone: Zone,
    name: str,
    parts: Sequence[tuple[str, str | None]],
    run_id: str,
    author: str,
    conflicts: Conflicts = "refuse",
) -> Ref:
    """Make one dictionary out of several, a round of its own whose recipe names them.

    Args:
        settings: the data server.
        project: whose.
        zone: whose repository.
        name: of the dictionary that is made.
        parts: name and version of each; None takes its newest.
        run_id: of the pipeline run.
        author: who makes it.
        conflicts: whether the ``first`` or ``last`` part counts where two differ about a word and tag, or they ``refuse``.

    Returns:
        As `add_dictionary`.
    """
    found = [dictionary(settings, project, zone, one, version) for one, version in parts]
    recipe = {"parts": [{"dictionary": one.name, "version": one.version, "digest": one.digest} for one in found]}
    every = (one for part in found for one in part.entries)
    return add_dictionary(settings, project, zone, name, every, run_id, author, conflicts=conflicts, recipe=recipe)


def difference(first: Iterable[Entry], second: Iterable[Entry]) -> dict[str, list[tuple[Entry | None, Entry | None]]]:
    """Return the entries added, removed and changed (weight or replacement) from one dictionary to another, as pairs."""
    old, new = {one.key: one for one in first}, {one.key: one for one in second}
    return {
        "added": [(None, new[key]) for key in sorted(new.keys() - old.keys())],
        "removed": [(old[key], None) for key in sorted(old.keys() - new.keys())],
        "changed": [(old[key], new[key]) for key in sorted(old.keys() & new.keys()) if old[key] != new[key]],
    }


class _Same(Exception):
    """The words are those of a version that is there."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def _of_file(path: Path) -> Iterable[Any]:
    from include.data.dictionaries.files import read_entries

    try:
        return read_entries(path.read_bytes(), path.name, DictionarySource(url=str(path)))
    except OSError as cause:
        raise DictionaryError(str(path), f"it cannot be read: {cause.strerror}", "Name a file of words") from cause


def _merge(repo: DataRepository, name: str, version: str) -> str:
    done = repo.find("main", step="merge", kind="dictionary", dictionary=name, dictionary_version=version)
    if done is None:
        raise DictionaryError(repo.name, f"no run made {name} {version}", "Find out who wrote to dictionaries/ on main")
    return done.id


def _write(path: Path, entries: Sequence[Entry]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"weight": pa.float64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in FIELDS])
    ordered = sorted(entries, key=lambda one: one.key)
    columns = [pa.array([getattr(one, name) for one in ordered], schema.field(name).type) for name in FIELDS]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="zstd")


def _reference(repo: DataRepository, commit: str, number: int, *, new: bool) -> Ref:
    document = rounds.describe(repo, commit, number)
    name, version = document["dictionary"], document["dictionary_version"]
    more = {"dictionary": name, "dictionary_version": version, "tag": tag(name, version), "report": document["report"]}
    return {**rounds.reference(repo, document, None, commit, new=new), **more}
