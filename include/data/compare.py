"""Comparing two versions: items added, removed, changed and relabelled, and how classes are distributed in both.

An item is known by its source and key; where a version holds a key more than once, its last content and label count.
Keys, ids and labels of both versions go into files of this machine, contents do not, and DuckDB joins them with a
bounded memory, so that the size of versions does not matter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.data import split, tables, versions
from include.data.labels import names
from include.data.rounds import Piece, Ref
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

EXAMPLES = 5
MEMORY = "192MB"  # of DuckDB; what is more goes to its files
ROWS = 20_000  # of a table, held at a time
COLUMNS = ("source", "key", "item_id", "label")
KINDS = ("added", "removed", "changed", "relabelled")
_DIFFERENT = {
    "added": "a.key IS NULL",
    "removed": "b.key IS NULL",
    "changed": "a.item_id <> b.item_id",
    "relabelled": "a.item_id = b.item_id AND a.label IS DISTINCT FROM b.label",
}


def compare_versions(settings: Settings, project: Project, first_ref: Ref, second_ref: Ref) -> dict[str, Any]:
    """Compare two versions of a project item by item; they may be of different zones.

    Args:
        settings: the data servers of both.
        project: its task says what a label counts as.
        first_ref: reference of the one, the older.
        second_ref: reference of the other.

    Returns:
        ``versions``, ``digests`` and ``items`` of both as pairs; ``identical`` (no item differs); how many items are
        ``added``, ``removed``, ``changed`` (same key, other content) and ``relabelled`` (same content, other label), of
        relabelled ones ``from_to`` as ``{"3 -> 8": n}``; ``classes``, ``unlabelled``, ``rounds`` and ``sources`` as pairs
        (of the latter two ``items``, ``unlabelled`` and ``classes``); ``numbers`` (mean, least and greatest label, of
        regression); and ``examples`` of each kind: key, source, item ids and labels.

    Raises:
        ReferenceFault: a reference is of another project.
        IntegrityError: a choice of items is not what was written down.
    """
    found: list[list[Piece]] = []
    for ref in (first_ref, second_ref):
        versions.own(project, ref)
        found.append(versions.document(tables.reader(settings, ref), ref["commit"], ref["version"])["pieces"])
    with TemporaryDirectory(prefix="devmlops-compare-") as folder, _database(Path(folder)) as database:
        for side, pieces in zip("ab", found, strict=True):
            _load(settings, database, Path(folder), side, pieces)
        result = _differences(database, project)
        result |= _distribution(database, project, found)
    told = {"versions": [_name(first_ref), _name(second_ref)], "digests": [first_ref["digest"], second_ref["digest"]]}
    return {**told, "identical": not any(result[kind] for kind in KINDS), **result}


def _name(ref: Ref) -> str:
    return f"{ref['repository']} {ref['version']}"


def _database(folder: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    # Nothing is looked for or fetched outside of this folder.
    closed = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    return duckdb.connect(config={"memory_limit": MEMORY, "threads": "2", "temp_directory": str(folder / "spilled"), **closed})


def _load(settings: Settings, database: duckdb.DuckDBPyConnection, folder: Path, side: str, pieces: Sequence[Piece]) -> None:
    """Make the view ``a`` or ``b`` of a version's items, each key once, and ``a_rows`` or ``b_rows`` of all its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in COLUMNS] + [("piece", pa.int32()), ("place", pa.int64())])
    path, place = folder / f"{side}.parquet", 0
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for number, (piece, labels) in enumerate(_labelled(settings, pieces)):
            for table in tables.stream_piece(settings, piece, COLUMNS, labels, rows=ROWS):
                more = [pa.array([number] * len(table), pa.int32()), pa.array(range(place, place + len(table)), pa.int64())]
                writer.write_table(pa.table([*_columns(table), *more], schema=schema))
                place += len(table)
    quoted = str(path).replace("'", "''")
    database.execute(f"CREATE VIEW {side}_rows AS SELECT * FROM read_parquet('{quoted}')")
    last = ", ".join(f"arg_max({name}, place) AS {name}" for name in ("item_id", "piece"))
    label = "arg_max({'label': label}, place).label AS label"  # in a struct, as arg_max passes nulls over
    database.execute(f"CREATE TABLE {side} AS SELECT source, key, {last}, {label} FROM {side}_rows GROUP BY source, key")


def _columns(table: pa.Table) -> list[Any]:
    return [table[name] for name in COLUMNS]


def _labelled(settings: Settings, pieces: Sequence[Piece]) -> Iterable[tuple[Piece, dict[str, str | None]]]:
    """Yield each piece with the labels that people gave since; those of one list of label rounds are read once."""
    known: tuple[str, dict[str, str | None]] = ("[[], []]", {})
    for piece in pieces:
        asked = json.dumps([piece.get("labels") or [], piece.get("sent_back") or []], sort_keys=True)
        if asked != known[0]:
            known = (asked, tables.given(settings, piece))
        yield piece, known[1]


def _differences(database: duckdb.DuckDBPyConnection, project: Project) -> dict[str, Any]:
    joined = "a FULL OUTER JOIN b ON a.source IS NOT DISTINCT FROM b.source AND a.key = b.key"
    counted = ", ".join(f"count(*) FILTER (WHERE {said})" for said in _DIFFERENT.values())
    row = database.execute(f"SELECT count(a.key), count(b.key), {counted} FROM {joined}").fetchone()
    assert row
    examples = {}
    fields = "coalesce(b.key, a.key), coalesce(b.source, a.source), a.item_id, b.item_id, a.label, b.label"
    for kind, said in _DIFFERENT.items():
        found = database.execute(f"SELECT {fields} FROM {joined} WHERE {said} ORDER BY 1, 2 LIMIT {EXAMPLES}").fetchall()
        if found:
            examples[kind] = [{"key": k, "source": s, "item_ids": [i, j], "labels": [x, y]} for k, s, i, j, x, y in found]
    moved: Counter[str] = Counter()
    if project.task == "classification":
        said = f"SELECT a.label, b.label, count(*) FROM {joined} WHERE {_DIFFERENT['relabelled']} GROUP BY 1, 2"
        for old, new, times in database.execute(said).fetchall():
            moved[f"{old or 'none'} -> {new or 'none'}"] = times
    kinds = dict(zip(KINDS, row[2:], strict=True))
    return {"items": list(row[:2]), **kinds, "from_to": dict(sorted(moved.items())), "examples": examples}


def _distribution(database: duckdb.DuckDBPyConnection, project: Project, pieces: Sequence[Sequence[Piece]]) -> dict[str, Any]:
    """Return how many items and labels of each class both have, altogether, by round and by source."""
    counted = project.task not in ("regression", "question_answering")
    whole = _Counts()
    by: dict[str, dict[str, _Counts]] = {"rounds": {}, "sources": {}}
    for side, name in enumerate("ab"):
        label = "label" if counted else "CASE WHEN label IS NULL THEN NULL ELSE '' END"
        found = database.execute(f"SELECT piece, source, {label}, count(*) FROM {name} GROUP BY ALL")
        while rows := found.fetchmany(10_000):
            for piece, source, said, times in rows:
                one = by["rounds"].setdefault(split.round_name(pieces[side][piece]), _Counts())
                other = by["sources"].setdefault(source or "", _Counts())
                for counts in (whole, one, other):
                    counts.add(side, None if said is None else names(said, project.task), times)
    result = whole.document()
    for what, found_by in by.items():
        result[what] = {one: its.document() for one, its in sorted(found_by.items())}
    if project.task == "regression":
        numbers = "avg(x), min(x), max(x)"
        read = f"SELECT {numbers} FROM (SELECT try_cast(label AS DOUBLE) x FROM {{}})"
        both = [database.execute(read.format(name)).fetchone() or () for name in "ab"]
        result["numbers"] = dict(zip(("mean", "least", "greatest"), map(list, zip(*both, strict=True)), strict=True))
    return result


class _Counts:
    def __init__(self) -> None:
        self.items, self.unlabelled, self.classes = [0, 0], [0, 0], [Counter[str](), Counter[str]()]

    def add(self, side: int, classes: Sequence[str] | None, times: int) -> None:
        self.items[side] += times
        if classes is None:
            self.unlabelled[side] += times
        for name in classes or ():
            self.classes[side][name] += times

    def document(self) -> dict[str, Any]:
        every = sorted({*self.classes[0], *self.classes[1]})
        return {"items": self.items, "unlabelled": self.unlabelled, "classes": {n: [c[n] for c in self.classes] for n in every}}
