"""Files of words: CSV, JSON Lines and plain text, from anywhere that fsspec reaches."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data.dictionaries.entries import FIELDS, DictionaryError
from include.data.dictionaries.store import add_dictionary
from include.data.rounds import Ref
from include.projects import Project
from include.projects.dictionaries import DictionarySource
from include.settings import Settings, Zone

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "txt", ".tsv": "txt"}
MAX_BYTES = 256 << 20
ADVICE = "Correct the file, or charset and delimiter in data.dictionaries of project.yaml"


def load_dictionary(settings: Settings, project: Project, zone: Zone, name: str, run_id: str, author: str) -> Ref:
    """Keep the words at the place that project.yaml names as a new version of a dictionary, where they changed.

    Args:
        settings: the data server; ``home`` is what a relative ``url`` begins at.
        project: ``data.dictionaries`` says where the words are.
        zone: whose repository takes them.
        name: of the dictionary.
        run_id: of the pipeline run.
        author: who asks.

    Returns:
        As `add_dictionary`; ``new`` is false where nothing changed.

    Raises:
        DictionaryError: no such dictionary or file, or one that cannot be read.
    """
    if (source := project.data.dictionaries.get(name)) is None:
        known = ", ".join(project.data.dictionaries) or "none"
        where = f"project.yaml of {project.name}"
        raise DictionaryError(where, f"there is no dictionary {name!r}", f"data.dictionaries names {known}")
    given = (one for file, content in _files(settings, project, source) for one in read_entries(content, file, source))
    return add_dictionary(settings, project, zone, name, given, run_id, author, conflicts=source.conflicts)


def read_entries(content: bytes, file: str, source: DictionarySource) -> Iterator[Any]:
    """Yield the entries of a file as they stand there.

    Args:
        content: of the file.
        file: its name, for its format and for errors.
        source: format, charset and delimiter.

    Raises:
        DictionaryError: it is not of that format or charset.
    """
    kind = source.format or FORMATS.get(Path(file).suffix.lower())
    if kind is None:
        raise DictionaryError(file, "its name says no format", f"Name it {', '.join(FORMATS)}, or say format in project.yaml")
    try:
        text = content.decode("utf-8-sig" if source.charset.lower().replace("_", "-") in ("utf-8", "utf8") else source.charset)
    except UnicodeDecodeError as cause:
        raise DictionaryError(file, f"it is not in {source.charset}: byte {cause.start} is none", ADVICE) from cause
    if kind == "csv":
        yield from _csv(text, file, source.delimiter)
    elif kind == "jsonl":
        yield from _jsonl(text, file)
    else:
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                yield dict(zip(FIELDS, line.split("\t"), strict=False))


def _csv(text: str, file: str, delimiter: str) -> Iterator[Any]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        names = rows.fieldnames or []
        if "word" not in names:
            raise DictionaryError(file, f"it has no column word but {', '.join(map(repr, names)) or 'none'}", ADVICE)
        for row in rows:
            if None in row or None in row.values():
                raise DictionaryError(file, f"line {rows.line_num} has not {len(names)} values as the first line has", ADVICE)
            yield {name: row[name] for name in FIELDS if name in row}
    except csv.Error as cause:
        raise DictionaryError(file, f"line {rows.line_num} is no CSV: {cause}", ADVICE) from cause


def _jsonl(text: str, file: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as cause:
                raise DictionaryError(file, f"line {number} is no JSON: {cause}", ADVICE) from cause


def _files(settings: Settings, project: Project, source: DictionarySource) -> Iterator[tuple[str, bytes]]:
    import fsspec
    from fsspec.utils import glob_translate

    address = source.url or str(project.folder / str(source.path))
    told = source.url or source.path
    where = f"dictionary at {told}"
    try:
        if "://" in address:
            store, root = fsspec.core.url_to_fs(address, **_options(source, where))
        else:
            store, root = fsspec.filesystem("file"), str(Path(settings.home, address))
        inside = project.folder.resolve() if source.path else None
        if store.isfile(root):
            found = [root]
        else:
            wanted = re.compile(glob_translate(source.glob))
            paths = store.find(root) if store.isdir(root) else []
            found = sorted(path for path in paths if wanted.match(path[len(root) :].lstrip("/")))
        if not found:
            raise DictionaryError(where, "there is no file", "Correct path, url or glob in data.dictionaries of project.yaml")
        for path in found:
            if inside and not Path(path).resolve().is_relative_to(inside):
                raise DictionaryError(where, "it leads out of the project's folder", "Take url for a place elsewhere")
            if (size := store.size(path) or 0) > MAX_BYTES:
                raise DictionaryError(where, f"a file has {size} bytes, more than {MAX_BYTES}", "Part it, or name another file")
            yield Path(path).name, store.cat_file(path)
    except (ImportError, ValueError) as cause:
        problem = f"addresses of this kind cannot be opened: {type(cause).__name__}"
        raise DictionaryError(where, problem, "Install the fsspec driver of that store, or correct url and options_env") from None
    except OSError as cause:
        problem = f"it cannot be read: {cause.strerror or type(cause).__name__}"
        raise DictionaryError(where, problem, "Look after the folder or store, then try again") from cause


def _options(source: DictionarySource, where: str) -> dict[str, Any]:
    if not source.options_env:
        return {}
    try:
        options = json.loads(os.environ.get(source.options_env, ""))
    except ValueError:
        options = None
    if not isinstance(options, dict):
        problem = f"the environment variable {source.options_env} holds no JSON object"
        raise DictionaryError(where, problem, 'Set it to fsspec options, such as {"key": ..., "secret": ...}')
    return options
