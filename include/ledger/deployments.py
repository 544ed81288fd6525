"""Routes and the switches that changed them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from include.ledger import engine
from include.ledger.audit import NOBODY, append
from include.ledger.code import apply_code
from include.ledger.errors import LedgerRefusal
from include.ledger.models import ApprovalRow, DeploymentRow, ReleaseRow, RouteRow
from include.ledger.records import Deployment, Kind, Route
from include.ledger.releases import get_release
from include.ledger.vouching import deployment_facts


class DeploymentLedger:
    """The part of the ledger that keeps routes and deployments."""

    url: str

    def switch(
        self,
        project: str,
        route: str,
        release_id: str,
        kind: Kind,
        by: str | None,
        reason: str,
        approval_ids: Sequence[int] = (),
    ) -> Deployment:
        """Point a route at a release, in one transaction; where it points there already, nothing changes.

        In production the release's code becomes the applied one by it, and the one before goes back to confirmed.

        Args:
            project: name of the project.
            route: ``production`` or ``staging``.
            release_id: the release that shall answer from now on.
            kind: ``deploy``, ``rollback`` (only to a release that was on the route before) or ``staging``.
            by: user name; None is the platform itself.
            reason: why, for the audit chain.
            approval_ids: the approvals that allow it; each can be used once.

        Raises:
            LedgerRefusal: an unknown or foreign release, not sealed or refused, an approval that is used, refused or of
                another digest, a rollback to what never was there, or code that was not confirmed. Nothing is changed then.
        """
        with engine.writing(self.url) as session:
            release = get_release(session, release_id)
            here = session.get(RouteRow, (project, route))
            if here is not None and here.release_id == release_id:
                return _deployment(session.get_one(DeploymentRow, here.deployment_id))
            _may_switch(session, release, project, route, kind)
            approvals = [_usable(session, number, release) for number in sorted(set(approval_ids))]
            row = DeploymentRow(
                project=project,
                route=route,
                release_id=release_id,
                digest=release.digest,
                previous=here.release_id if here else None,
                kind=kind,
                by=by or NOBODY,
                reason=reason,
                at=datetime.now(UTC),
            )
            facts = deployment_facts(row) | {"approval_ids": [a.id for a in approvals]}
            row.audit_seq = append(session, by, f"route.{kind}", f"{project}/{route}", facts).seq
            session.add(row)
            session.flush()
            for approval in approvals:
                approval.used_by = row.id
            if here is None:
                session.add(RouteRow(project=project, name=route, release_id=release_id, deployment_id=row.id))
            else:
                here.release_id, here.deployment_id = release_id, row.id
            if route == "production":
                apply_code(session, project, release.model.get("code"), by, f"{kind} of {release_id}")
            return _deployment(row)

    def routes(self, project: str | None = None) -> list[Route]:
        """Return all routes, of one project where it is given, in order of project and name."""
        query = _routes() if project is None else _routes().where(RouteRow.project == project)
        with engine.reading(self.url) as session:
            return [_route(*row) for row in session.execute(query)]

    def route(self, project: str, name: str) -> Route | None:
        """Return one route; None where nothing was ever switched to it."""
        with engine.reading(self.url) as session:
            row = session.execute(_routes().where(RouteRow.project == project, RouteRow.name == name)).one_or_none()
            return _route(*row) if row else None

    def deployments(self, project: str, route: str | None = None) -> list[Deployment]:
        """Return all switches of a project, of one route where it is given, oldest first."""
        query = select(DeploymentRow).where(DeploymentRow.project == project).order_by(DeploymentRow.id)
        with engine.reading(self.url) as session:
            return [
                _deployment(r) for r in session.scalars(query if route is None else query.where(DeploymentRow.route == route))
            ]

    def previous_release(self, project: str, route: str = "production") -> str | None:
        """Return the release that the present one replaced: what a rollback brings back, and a second one takes forward."""
        with engine.reading(self.url) as session:
            here = session.get(RouteRow, (project, route))
            return session.get_one(DeploymentRow, here.deployment_id).previous if here else None


def _may_switch(session: Session, release: ReleaseRow, project: str, route: str, kind: str) -> None:
    problem = ""
    if release.project != project:
        problem = f"it belongs to {release.project}"
    elif kind not in ("deploy", "rollback", "staging"):
        problem = f"{kind!r} is not deploy, rollback or staging"
    elif (kind == "staging") != (route == "staging"):
        problem = f"kind {kind} does not go with this route"
    elif release.state == "refused":
        problem = "it was refused"
    elif kind != "staging" and release.state != "sealed":
        problem = "it is not sealed"
    elif kind == "rollback":
        before = select(DeploymentRow.id).where(DeploymentRow.route == route, DeploymentRow.release_id == release.id)
        if session.scalar(before.limit(1)) is None:
            problem = "it never was there, so there is nothing to roll back to: deploy it with approvals"
    if problem:
        raise LedgerRefusal(f"{release.id} cannot go to {project}/{route}: {problem}", release_id=release.id, route=route)


def _usable(session: Session, number: int, release: ReleaseRow) -> ApprovalRow:
    row = session.get(ApprovalRow, number)
    if row is None or row.release_id != release.id or row.digest != release.digest:
        raise LedgerRefusal(f"approval {number} is not about {release.id} with digest {release.digest}", approval_id=number)
    if row.used_by is not None:
        raise LedgerRefusal(f"approval {number} was used by deployment {row.used_by}: ask for a new one", approval_id=number)
    if row.decision != "approved" or row.expires_at <= datetime.now(UTC):
        raise LedgerRefusal(f"approval {number} is {row.decision}, valid until {row.expires_at}: ask for a new one")
    return row


def _routes() -> Select[RouteRow, ReleaseRow, DeploymentRow]:
    return (
        select(RouteRow, ReleaseRow, DeploymentRow)
        .join(ReleaseRow, ReleaseRow.id == RouteRow.release_id)
        .join(DeploymentRow, DeploymentRow.id == RouteRow.deployment_id)
        .order_by(RouteRow.project, RouteRow.name)
    )


def _route(row: RouteRow, release: ReleaseRow, deployment: DeploymentRow) -> Route:
    return Route(row.project, row.name, row.release_id, release.digest, release.model, row.deployment_id, deployment.at)


def _deployment(row: DeploymentRow) -> Deployment:
    return Deployment(
        row.id,
        row.project,
        row.route,
        row.release_id,
        row.digest,
        row.previous,
        row.kind,
        row.by,
        row.reason,
        row.at,
    )
