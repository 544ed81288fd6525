"""The ledger's tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, also where the database (SQLite) keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return ``value`` in UTC; a moment without time zone is refused."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: use datetime.now(UTC)")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment with its time zone."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value and value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables; constraints have names so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # JSON, never JSONB: the latter rewrites numbers, and the hash of what comes back would differ.
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON, str: Text}  # noqa: RUF012


Name = String(200)


class AuditRow(Base):
    """An entry of the audit chain; ``at`` is text because it is hashed as it stands."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The one row that says how long the chain is and how it ends; also what writers on PostgreSQL queue for."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    hash: Mapped[str]


class ReleaseRow(Base):
    """A release; ``sealed_seq`` is the audit entry that states its digest."""

    __tablename__ = "releases"
    __table_args__ = (
        UniqueConstraint("project", "number", name="uq_releases_number"),
        UniqueConstraint("project", "key", name="uq_releases_key"),
    )
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    project: Mapped[str]
    number: Mapped[int]
    key: Mapped[str]
    authors: Mapped[list[str]]
    model: Mapped[dict[str, Any]]
    manifest: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    digest: Mapped[str | None]
    state: Mapped[str]
    created_at: Mapped[datetime]
    sealed_seq: Mapped[int | None] = mapped_column(ForeignKey("audit.seq"))


class DeploymentRow(Base):
    """One switch of a route."""

    __tablename__ = "deployments"
    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(index=True)
    route: Mapped[str]
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    digest: Mapped[str | None]
    previous: Mapped[str | None] = mapped_column(ForeignKey("releases.id"))
    kind: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class ApprovalRow(Base):
    """One answer of one person."""

    __tablename__ = "approvals"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"), index=True)
    digest: Mapped[str]
    step: Mapped[str]
    decision: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    source: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_by: Mapped[int | None] = mapped_column(ForeignKey("deployments.id"))
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class RouteRow(Base):
    """What a route points to now: its last deployment."""

    __tablename__ = "routes"
    project: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    deployment_id: Mapped[int] = mapped_column(ForeignKey("deployments.id"))


class AlertRow(Base):
    """An alert; at most one open a (project, key)."""

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_project_key", "project", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    severity: Mapped[str]
    message: Mapped[str]
    details: Mapped[dict[str, Any]]
    state: Mapped[str]
    count: Mapped[int]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    closed_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None]


class WindowRow(Base):
    """One watched window of the prediction log."""

    __tablename__ = "windows"
    __table_args__ = (UniqueConstraint("project", "release_id", "number", name="uq_windows_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str]
    release_id: Mapped[str]
    number: Mapped[int]
    start: Mapped[str]
    end: Mapped[str]
    rows: Mapped[int]
    score: Mapped[float]
    sketch: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class FeatureViewRow(Base):
    """A feature view as it is online: one definition of it at a time."""

    __tablename__ = "feature_views"
    project: Mapped[str] = mapped_column(Name, primary_key=True)
    view: Mapped[str] = mapped_column(Name, primary_key=True)
    definition: Mapped[str]
    version: Mapped[str]
    ref: Mapped[dict[str, Any]]
    rows: Mapped[int]
    newest: Mapped[datetime | None]
    written_at: Mapped[datetime]
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class FeatureValueRow(Base):
    """The newest features of one entity."""

    __tablename__ = "feature_values"
    project: Mapped[str] = mapped_column(Name, primary_key=True)
    view: Mapped[str] = mapped_column(Name, primary_key=True)
    entity_key: Mapped[str] = mapped_column(primary_key=True)
    features: Mapped[dict[str, Any]]
    event_at: Mapped[datetime]


class AssetNoteRow(Base):
    """What people say about an asset that another engine owns."""

    __tablename__ = "asset_notes"
    asset: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    tags: Mapped[list[str]]
    by: Mapped[str]
    at: Mapped[datetime]
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class EnvironmentRow(Base):
    """One version of an environment of jobs; without a definition it says that the name went out of use."""

    __tablename__ = "environments"
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    by: Mapped[str]
    at: Mapped[datetime]
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class CodeRow(Base):
    """The code of a project with one content; ``audit_seq`` is the entry that states its present state."""

    __tablename__ = "code"
    __table_args__ = (UniqueConstraint("project", "number", name="uq_code_number"),)
    project: Mapped[str] = mapped_column(Name, primary_key=True)
    digest: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int]
    files: Mapped[dict[str, Any]]
    git_commit: Mapped[str | None]
    dirty: Mapped[bool | None]
    state: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    audit_seq: Mapped[int] = mapped_column(ForeignKey("audit.seq"))


class LeaseRow(Base):
    """Who alone may change something that another engine keeps, and how long."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
