"""Records: what the documents and the log of one repository tell about its rounds, versions and splits.

Status, catalogue, lineage and data sheets are all made from these. Contents are never read. Documents are kept in
memory by the checksum of their bytes and records by the commit of main, so looking again costs one request.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import CommitInfo, DataNotFound, DataRepository, ObjectStat
from include.projects import Project
from include.settings import Settings, Zone

Document = dict[str, Any]
THREADS = 8
KEPT_DOCUMENTS, KEPT_RECORDS = 50_000, 32
ROUND_FILE = re.compile(r"^rounds/(\d{6,})/(round|checks|review|refined/[0-9a-f]+)\.json$")
REPORT_FILE = re.compile(r"^rounds/(\d{6,})/report\.html$")
ROUND_KINDS = ("collected", "operating", "bundle", "labels", "dictionary", "sample")
_FIELDS = ("number", "kind", "source", "sources", "author", "run_id", "created_at", "count", "bytes", "labelled", "labels")
_MORE = ("digest", "from", "recipe", "agreement", "labelling", "skipped")
_REFINED = ("recipe", "table", "count", "left_out", "labelled", "labels", "digest", "steps")


@dataclass(frozen=True)
class Records:
    """What one repository holds, oldest first.

    Attributes:
        repository: its name.
        zone: whose it is.
        commit: of main; None where nothing was ever collected.
        rounds: ``round.json`` of each, with ``merged`` (commit), ``checks``, ``review``, ``refined`` (a list), ``columns``
            (names that the source had) and ``report`` (path of the quality report); None or empty where there is none.
        versions: ``version``, ``kind``, ``author``, ``run_id``, ``count``, ``labelled``, ``state``, ``digest``, ``rounds``,
            ``notes``, ``created_at`` and ``commit``.
        splits: ``version``, ``digest``, ``method``, ``count``, ``author``, ``run_id``, ``created_at``, ``commit`` and ``path``.
        features: ``view``, ``definition``, ``version``, ``count``, ``author``, ``created_at`` and ``commit``.
    """

    repository: str
    zone: Zone
    commit: str | None
    rounds: list[Document] = field(default_factory=list)
    versions: list[Document] = field(default_factory=list)
    splits: list[Document] = field(default_factory=list)
    features: list[Document] = field(default_factory=list)


class _Memory:
    """The newest values by key; the oldest go."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[Any, Any] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def get(self, key: Any) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Any, value: Any) -> Any:
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value


_documents, _records = _Memory(KEPT_DOCUMENTS), _Memory(KEPT_RECORDS)


def open_repository(settings: Settings, project: Project, zone: Zone) -> DataRepository:
    """Return a repository for reading, which does not wait for a server that is down; ops may read dev, never the reverse."""
    seen_as: Zone = "ops" if zone == "dev" and not settings.data_dev_access_key else zone
    return DataRepository(settings, project.repositories[zone], seen_as, hurry=True)


def records(settings: Settings, project: Project, zone: Zone) -> Records:
    """Return what a project's repository of a zone holds on main; callers do not change it.

    Raises:
        DataError: the data server does not answer, or this process has no credential for the zone.
    """
    repo = open_repository(settings, project, zone)
    try:
        commit = repo.head("main")
    except DataNotFound:
        return Records(repo.name, zone, None)
    place = (settings.data(repo.zone).url, settings.data(repo.zone).access_key, repo.name, zone)
    if found := _records.get((*place, commit)):
        return found
    made = Records(repo.name, zone, commit, *_read(repo, commit))
    _records.put((*place, commit), made)
    return made


def documents(repo: DataRepository, ref: str, stats: Iterable[ObjectStat]) -> dict[str, Document]:
    """Return JSON documents by path, several fetched at a time; one that is no JSON object counts as empty."""
    place = (repo.settings.data(repo.zone).url, repo.settings.data(repo.zone).access_key, repo.name)
    found: dict[str, Document] = {}
    missing: list[ObjectStat] = []
    for one in stats:
        kept = _documents.get((*place, one.path, one.checksum))
        if kept is None:
            missing.append(one)
        else:
            found[one.path] = kept
    with ThreadPoolExecutor(min(THREADS, max(len(missing), 1)), thread_name_prefix="records") as pool:
        for one, content in zip(missing, pool.map(lambda stat: repo.get(ref, stat.path), missing), strict=True):
            found[one.path] = _documents.put((*place, one.path, one.checksum), _reduced(one.path, content))
    return found


def read_round(repo: DataRepository, ref: str, number: int) -> Document | None:
    """Return one round as `Records` have it, at any commit or branch; None where it is not there."""
    stats = [one for one in repo.stats(ref, f"rounds/{number:06d}/") if ROUND_FILE.match(one.path)]
    reports = [one.path for one in repo.stats(ref, f"rounds/{number:06d}/report.html")]
    return _rounds(documents(repo, ref, stats), reports, {}).get(number)


def _read(repo: DataRepository, commit: str) -> tuple[list[Document], ...]:
    stats = list(repo.stats(commit, "rounds/"))
    found = documents(repo, commit, (one for one in stats if ROUND_FILE.match(one.path)))
    log = list(repo.log(commit))[::-1]
    merged = {int(one.metadata["round"]): one.id for one in _merges(log, ROUND_KINDS) if one.metadata.get("round", "").isdigit()}
    reports = [one.path for one in stats if REPORT_FILE.match(one.path)]
    rounds = [one for _, one in sorted(_rounds(found, reports, merged).items())]
    versions = [_version(one) for one in _merges(log, ("version", "bundle")) if "version" in one.metadata]
    splits = [_split(one) for one in _merges(log, ("split",))]
    features = [
        {**_about(one, "view", "definition", "version"), "count": _number(one, "count")} for one in _merges(log, ("features",))
    ]
    return rounds, versions, list({one["digest"]: one for one in splits}.values()), features


def _rounds(found: Mapping[str, Document], reports: Iterable[str], merged: Mapping[int, str]) -> dict[int, Document]:
    rounds: dict[int, Document] = {}
    parts: dict[int, dict[str, Any]] = {}
    for path, document in found.items():
        if match := ROUND_FILE.match(path):
            number, what = int(match[1]), match[2]
            if what == "round":
                rounds[number] = document
            elif what.startswith("refined/"):
                parts.setdefault(number, {}).setdefault("refined", []).append(document)
            else:
                parts.setdefault(number, {})[what] = document
    kept = {int(match[1]): path for path in reports if (match := REPORT_FILE.match(path))}
    empty: Document = {"checks": None, "review": None, "refined": []}
    return {
        number: {
            **one,
            "number": number,
            **empty,
            **parts.get(number, {}),
            "report": kept.get(number),
            "merged": merged.get(number),
        }
        for number, one in rounds.items()
    }


def _reduced(path: str, content: bytes) -> Document:
    """Return what is used of a document; marks of sources and lists of files may be long."""
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    match = ROUND_FILE.match(path)
    if not isinstance(document, dict) or not match:
        return {}
    return _SHORTER.get(match[2], _refined)(document)


def _round(document: Document) -> Document:
    shorter = {name: document[name] for name in (*_FIELDS, *_MORE) if name in document}
    findings = document.get("findings")
    columns = findings.get("columns") if isinstance(findings, dict) else None
    defaults = {"kind": "collected", "source": "", "author": "", "run_id": "", "created_at": "", "count": 0, "bytes": 0}
    defaults |= {"labelled": sum((document.get("labels") or {}).values()), "labels": {}, "digest": ""}
    if isinstance(shorter.get("recipe"), dict) and "pieces" in shorter["recipe"]:
        shorter["recipe"] = {"pieces": [_piece(one) for one in shorter["recipe"]["pieces"]]}
    return {**defaults, **shorter, "columns": sorted(columns) if columns else []}


def _piece(piece: Mapping[str, Any]) -> Document:
    names = ("repository", "zone", "round", "count", "origin", "table")
    labels = [{name: one.get(name) for name in ("repository", "round")} for one in piece.get("labels") or []]
    return {**{name: piece.get(name) for name in names}, "labels": labels}


def _checks(document: Document) -> Document:
    names = ("name", "ok", "value", "limit", "warnings")
    checks = [{name: one[name] for name in names if name in one} for one in document.get("checks", [])]
    return {"ok": bool(document.get("ok")), "count": document.get("count", 0), "checks": checks}


def _review(document: Document) -> Document:
    shorter = {name: document.get(name) for name in ("decision", "by", "at", "reason")}
    return {**shorter, "back": len(document.get("items_back") or [])}


def _refined(document: Document) -> Document:
    return {name: document[name] for name in _REFINED if name in document}


_SHORTER: dict[str, Callable[[Document], Document]] = {"round": _round, "checks": _checks, "review": _review}


def _merges(log: Iterable[CommitInfo], kinds: tuple[str, ...]) -> Iterable[CommitInfo]:
    return (one for one in log if one.metadata.get("step") == "merge" and one.metadata.get("kind") in kinds)


def _about(commit: CommitInfo, *names: str) -> Document:
    at = datetime.fromtimestamp(commit.created, UTC).isoformat(timespec="seconds")
    found = {name: commit.metadata.get(name, "") for name in ("author", "run_id", *names)}
    return {**found, "created_at": at, "commit": commit.id}


def _version(commit: CommitInfo) -> Document:
    about = commit.metadata
    try:
        numbers = [int(one) for one in json.loads(about.get("rounds", "[]"))]
    except (ValueError, TypeError):
        numbers = []
    count = _number(commit, "count")
    told = {"count": count, "labelled": _number(commit, "labelled", count), "state": about.get("state", "labelled")}
    notes = commit.message.partition(": ")[2]
    return {**_about(commit, "version", "kind", "digest"), **told, "rounds": numbers, "notes": notes}


def _split(commit: CommitInfo) -> Document:
    found = _about(commit, "version", "digest", "method")
    path = f"splits/{found['digest'].removeprefix('sha256:')}.json"
    return {**found, "count": _number(commit, "count"), "path": path, "commit": commit.metadata.get("commit", commit.id)}


def _number(commit: CommitInfo, name: str, other: int = 0) -> int:
    text = commit.metadata.get(name, "")
    return int(text) if text.isdigit() else other
