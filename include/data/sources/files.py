"""Files of a folder or object store: each is taken once, and one that changed is looked through for what was added."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item, item_id
from include.data.sources.base import Findings, Mark, Past, Pending
from include.data.sources.formats import FileReader
from include.data.sources.records import Records
from include.data.times import text
from include.projects.content import Content
from include.projects.sources import FilesSource
from include.settings import Settings

SEEN = "files.parquet"  # beside a round: the files that were taken into it


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its address in the store, its path below the folder, and what tells its state."""

    address: str
    path: str
    size: int
    signature: str
    modified: datetime | None


class FilesReader:
    """Reads the files that earlier rounds have not, in the order of their paths.

    A file is known by its path, size and ETag, or time of change where the store has no ETags. A row's key is
    ``<path>#<its key, or its number from 1>``, a whole file's is its path. Of a file that changed since, what was
    taken before (the same key, content) is not taken again; files that rows are put into anywhere but at the end
    need a key. The files of a round are listed beside it, so that a mark does not grow with their number.

    Args:
        settings: ``home`` is what a relative path begins at.
        spec: where, which and how.
        name: the source's name in rounds.
        past: files of earlier rounds.
        form: the form of an item.
    """

    def __init__(self, settings: Settings, spec: FilesSource, name: str, past: Past, form: Content) -> None:
        self.settings, self.spec, self.name, self.past, self.form = settings, spec, name, past, form
        self.mark: Mark | None = past.mark
        self.findings = Findings(spec.needed)
        self.where = f"source folder {spec.url}"
        self._taken: list[Found] = []

    def items(self) -> Iterator[Item]:
        """Yield the items of new and changed files.

        Raises:
            SourceError: there is no such folder, or nothing here can read it.
            SourceUnavailable: the store does not answer, or a file changed while it was read.
        """
        store, root, known, found = self._new()
        changed = {one.path for one in found if one.path in known}
        before = self.past.taken(changed) if changed else set()
        records = Records(self.spec, self.form, self.name, self.findings)
        for one in found:
            self._taken.append(one)
            if problem := _trick(store, root, one):
                self.findings.rows += 1
                self.findings.reject(one.path, problem)
                continue
            reader = FileReader(self.spec, self.form, records)
            with self._reading(one.path):
                for item in reader.items(store, one.address, one.path, one.size, one.modified):
                    if one.path in changed and (item.key, item_id(item.content, self.form)) in before:
                        self.findings.repeated += 1
                        continue
                    yield item
                self._still(store, one)
        if self.spec.format == "jsonl":
            records.finish(self.where)
        if self._taken:
            rounds = (self.mark or {}).get("rounds", [])
            self.mark = {"type": "files", "rounds": [*rounds, self.past.number]}

    def pending(self, enough: int = 1) -> Pending:
        """Return how many files are new or changed, by listing them."""
        found = self._new()[3]
        running = hashlib.sha256()
        for one in found:
            running.update(f"{one.path}\0{one.signature}\n".encode())
        return Pending(len(found), running.hexdigest())

    def objects(self) -> dict[str, bytes]:
        """Return the list of files that were taken."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        columns = {name: [getattr(one, name) for one in self._taken] for name in ("path", "size", "signature")}
        pq.write_table(pa.table(columns), sink, compression="zstd")
        return {SEEN: sink.getvalue()}

    def _new(self) -> tuple[Any, str, dict[str, str], list[Found]]:
        """Return the store, the folder, what was taken before, and the files that are new or changed, by path."""
        store, root = self._opened()
        known = self._known()
        with self._reading("list"):
            return store, root, known, sorted(self._listed(store, root, known), key=lambda one: one.path)

    def _known(self) -> dict[str, str]:
        """Return path and signature of every file taken before; a later round's signature counts."""
        import pyarrow.parquet as pq

        known: dict[str, str] = {}
        for content in self.past.objects(SEEN, (self.mark or {}).get("rounds", [])):
            table = pq.read_table(io.BytesIO(content))
            known.update(zip(table["path"].to_pylist(), table["signature"].to_pylist(), strict=True))
        return known

    def _opened(self) -> tuple[Any, str]:
        import fsspec

        if "://" not in self.spec.url:
            store, root = fsspec.filesystem("file"), str(Path(self.settings.home, self.spec.url))
        else:
            try:
                store, root = fsspec.core.url_to_fs(self.spec.url, **self._options())
            except (ImportError, ValueError) as cause:
                problem = f"addresses of this kind cannot be opened: {type(cause).__name__}"
                advice = (
                    "Install the fsspec driver of that store (s3fs, gcsfs, adlfs), or correct data.source.url and options_env"
                )
                raise SourceError(self.where, problem, advice) from None  # the cause may quote credentials
        with self._reading("open"):
            if not store.isdir(root):
                raise SourceError(self.where, "there is no such folder", "Correct data.source.url, or make the folder")
        return store, root.rstrip("/")

    def _options(self) -> dict[str, Any]:
        name = self.spec.options_env
        if not name:
            return {}
        try:
            options = json.loads(os.environ.get(name, ""))
        except ValueError:
            options = None
        if not isinstance(options, dict):
            advice = f'Set {name} to fsspec options, such as {{"key": ..., "secret": ...}}'
            raise SourceError(self.where, f"the environment variable {name} holds no JSON object", advice)
        return options

    def _listed(self, store: Any, root: str, known: dict[str, str]) -> Iterator[Found]:
        """Yield the files that match, and are new, changed and settled."""
        from fsspec.utils import glob_translate

        wanted, now = re.compile(glob_translate(self.spec.glob)), datetime.now(UTC)
        for _, _, files in store.walk(root, detail=True, on_error="raise"):
            for info in files.values():
                address = info["name"]
                path = posixpath.relpath(address, root)
                if not wanted.match(path) or path.startswith("../"):
                    continue
                if info.get("islink"):
                    with suppress(OSError):  # of what it leads to; a link to nothing stays one
                        info = store.info(address)
                modified = _modified(info)
                if self.spec.settle_s and modified and (now - modified).total_seconds() < self.spec.settle_s:
                    continue
                name = _name(path)
                state = next((info[tag] for tag in ("ETag", "etag", "md5Hash", "content_md5") if info.get(tag)), modified)
                found = Found(address, name, int(info.get("size") or 0), f"{info.get('size')}:{state}", modified)
                if known.get(name) != found.signature:
                    yield found

    def _still(self, store: Any, one: Found) -> None:
        store.invalidate_cache()
        info = store.info(one.address)
        if int(info.get("size") or 0) != one.size or _modified(info) != one.modified:
            problem = f"the file {text(one.path)!r} changed while it was read"
            raise SourceUnavailable(self.where, problem, "Try again, or set data.source.settle_s so that it is left until whole")

    def _reading(self, what: str) -> _Reading:
        return _Reading(self.where, what)


class _Reading:
    """Turns what a store raises into our errors."""

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, cause: Any, trace: Any) -> None:
        if isinstance(cause, PermissionError):
            problem = f"{text(self.what)}: this process may not read it"
            raise SourceError(self.where, problem, "Give it the right to read, or the credentials in options_env") from cause
        if isinstance(cause, OSError):
            problem = f"{text(self.what)}: {cause.strerror or type(cause).__name__}"
            raise SourceUnavailable(self.where, problem, "Look after the folder or store, then try again") from cause


def _modified(info: dict[str, Any]) -> datetime | None:
    for name in ("mtime", "LastModified", "last_modified", "modified", "created"):
        value = info.get(name)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _name(path: str) -> str:
    """Return a path as text; bytes that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _trick(store: Any, root: str, one: Found) -> str | None:
    """Tell why a file must not be opened, or nothing."""
    if len(one.path) > 900:
        return "its path is longer than 900 characters"
    if "file" not in (store.protocol if isinstance(store.protocol, tuple) else (store.protocol,)):
        return None
    path = Path(one.address)
    if not path.resolve().is_relative_to(Path(root).resolve()):
        return "it is a link to something outside of the folder"
    return None if path.is_file() else "it is no regular file, or a link to nothing"
