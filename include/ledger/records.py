"""What the ledger gives back: frozen records, each JSON-able by ``to_dict``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

Decision = Literal["approved", "refused"]
Kind = Literal["deploy", "rollback", "staging"]


@dataclass(frozen=True, slots=True)
class Record:
    """Base of all records."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-able values; times in ISO 8601, UTC."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value


@dataclass(frozen=True, slots=True)
class AuditEntry(Record):
    """One change or decision: ``hash`` covers all other fields, ``previous`` is the hash of entry ``seq`` - 1."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditCheck(Record):
    """Result of checking the whole chain; ``head`` (``count:hash``) is worth noting down outside the ledger."""

    ok: bool
    entries: int
    first_bad_seq: int | None
    reason: str
    head: str


@dataclass(frozen=True, slots=True)
class Release(Record):
    """Model, inference code and what vouches for them. ``state`` is draft, sealed or refused."""

    id: str
    project: str
    number: int
    key: str
    authors: list[str]
    model: dict[str, Any]
    manifest: dict[str, Any] | None
    digest: str | None
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Approval(Record):
    """One person's answer to one step, for one digest. ``used_by`` is the deployment that it allowed."""

    id: int
    release_id: str
    digest: str
    step: str
    decision: str
    by: str
    reason: str
    source: dict[str, Any]
    at: datetime
    expires_at: datetime
    used_by: int | None


@dataclass(frozen=True, slots=True)
class Route(Record):
    """Which release answers on a route, and since when."""

    project: str
    name: str
    release_id: str
    digest: str | None
    model: dict[str, Any]
    deployment_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Deployment(Record):
    """One switch of a route. ``previous`` is the release that it replaced."""

    id: int
    project: str
    route: str
    release_id: str
    digest: str | None
    previous: str | None
    kind: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert(Record):
    """Something to look at. ``new`` is false when the alert was open already and was only counted again."""

    id: int
    new: bool
    project: str
    kind: str
    key: str
    severity: str
    message: str
    details: dict[str, Any]
    state: str
    count: int
    first_seen: datetime
    last_seen: datetime
    closed_by: str | None
    closed_at: datetime | None
    closed_reason: str | None


@dataclass(frozen=True, slots=True)
class Window(Record):
    """One watched stretch of the prediction log; ``start`` and ``end`` are cursors of that log."""

    project: str
    release_id: str
    number: int
    start: str
    end: str
    rows: int
    score: float
    sketch: dict[str, Any]
    details: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OnlineView(Record):
    """A feature view as it is online. ``newest`` is the time of its newest value, None where it has no values."""

    project: str
    view: str
    definition: str
    version: str
    ref: dict[str, Any]
    rows: int
    newest: datetime | None
    written_at: datetime


@dataclass(frozen=True, slots=True)
class AssetNote(Record):
    """What people say about an asset: a description and tags, and who said it last."""

    asset: str
    description: str
    tags: list[str]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EnvironmentVersion(Record):
    """One version of an environment of jobs. ``definition`` is None where the name went out of use."""

    name: str
    version: int
    definition: dict[str, Any] | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CodeVersion(Record):
    """The code of a project with one content. ``state`` is development, confirmed or applied; ``by`` and ``at`` are of
    its last change. ``files`` is path -> ``kind`` and ``sha256``; ``dirty`` tells whether they differ from the commit.
    """

    project: str
    digest: str
    number: int
    files: dict[str, dict[str, str]]
    git_commit: str | None
    dirty: bool | None
    state: str
    by: str
    at: datetime
    confirmed_at: datetime | None
