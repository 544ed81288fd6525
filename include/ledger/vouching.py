"""Approvals, seals, deployments and states of code are compared with what the audit chain says about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from include.ledger.canonical import digest
from include.ledger.models import ApprovalRow, AuditRow, CodeRow, DeploymentRow, ReleaseRow, RouteRow


def seal_facts(row: ReleaseRow) -> dict[str, Any]:
    """Return what the audit entry of a seal says."""
    return {"digest": row.digest, "authors": row.authors, "model": row.model}


def approval_facts(row: ApprovalRow) -> dict[str, Any]:
    """Return what the audit entry of an approval says."""
    facts = {name: getattr(row, name) for name in ("release_id", "digest", "step", "decision", "by", "reason", "source")}
    return facts | {"at": row.at.isoformat(), "expires_at": row.expires_at.isoformat()}


def deployment_facts(row: DeploymentRow) -> dict[str, Any]:
    """Return what the audit entry of a switch says, without the approvals that it used."""
    return {name: getattr(row, name) for name in ("route", "release_id", "digest", "previous", "kind", "by", "reason")}


def code_facts(row: CodeRow) -> dict[str, Any]:
    """Return what the audit entry of a state of code says."""
    return {"project": row.project, "digest": row.digest, "state": row.state}


def files_digest(files: dict[str, Any]) -> str:
    """Return the digest of code: of the paths and contents of its files."""
    return digest({path: one["sha256"] for path, one in files.items()})


def first_unvouched(session: Session) -> tuple[int | None, str]:
    """Return the audit entry that a row contradicts, lowest first, and what is wrong; (None, "") where none."""
    bad: list[tuple[int, str]] = []

    def compare(kind: str, name: object, seq: int, facts: dict[str, Any]) -> None:
        entry = session.get(AuditRow, seq)
        said = entry.details if entry else {}
        if wrong := [k for k, v in facts.items() if said.get(k) != v]:
            bad.append((seq, f"{kind} {name} differs from entry {seq} in {', '.join(wrong)}: its row was altered"))

    for release in session.scalars(select(ReleaseRow).where(ReleaseRow.digest.is_not(None))):
        compare("the sealed release", release.id, release.sealed_seq or 0, seal_facts(release))
    for approval in session.scalars(select(ApprovalRow)):
        compare("approval", approval.id, approval.audit_seq, approval_facts(approval))
    used: dict[int, set[int]] = {}
    for approval in session.scalars(select(ApprovalRow).where(ApprovalRow.used_by.is_not(None))):
        used.setdefault(approval.used_by or 0, set()).add(approval.id)
    latest: dict[tuple[str, str], DeploymentRow] = {}
    for deployment in session.scalars(select(DeploymentRow).order_by(DeploymentRow.id)):
        facts = deployment_facts(deployment) | {"approval_ids": sorted(used.get(deployment.id, set()))}
        compare("deployment", deployment.id, deployment.audit_seq, facts)
        latest[deployment.project, deployment.route] = deployment
    for route in session.scalars(select(RouteRow)):
        last = latest.get((route.project, route.name))
        if last is None or (last.id, last.release_id) != (route.deployment_id, route.release_id):
            seq = last.audit_seq if last else 0
            bad.append((seq, f"route {route.project}/{route.name} does not show its last deployment: its row was altered"))
    for code in session.scalars(select(CodeRow)):
        compare("code", code.digest, code.audit_seq, code_facts(code))
        if files_digest(code.files) != code.digest:
            bad.append((code.audit_seq, f"code {code.digest} has other files than its digest says: its row was altered"))
    return min(bad) if bad else (None, "")
