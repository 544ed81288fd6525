"""A person's yes to one masked sample, bound to the digest of its report, and the check of it before the merge.

The answer is an entry of the ledger's audit chain. The digest is that of ``masking.json``, which holds the digest of
the masked rows: another row or another number in the report is another sample, and nobody has approved it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import items, rounds
from include.data.privacy.errors import SampleNotApproved
from include.data.privacy.rows import rows_digest
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from include.ledger import AuditEntry

APPROVE = "Approve"  # the option of the human-in-the-loop task that means yes; anything else means no
APPROVED, REFUSED = "sample.approved", "sample.refused"
ENTRIES = 1000


def record_sample_approval(
    settings: Settings, project: Project, sample_ref: Ref, answer: Mapping[str, Any] | None, source: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a person's answer about a masked sample into the ledger; the same answer again changes nothing.

    Args:
        settings: ledger and the dev data server.
        project: gives how long an approval counts (``approval.valid_hours``).
        sample_ref: from `make_sample`; its ``approval_digest`` is what the person saw.
        answer: ``chosen_options``, ``params_input`` (``reason``), ``responded_by_user`` (``id``, ``name``) and
            ``responded_at``; None where nobody answered in time, which means no.
        source: where it was asked, such as dag_id, run_id and task_id.

    Returns:
        ``{"decision", "by", "reason", "digest", "expires_at", "seq"}``; decision is ``approved`` or ``refused``.

    Raises:
        DataError: the sample is not there any more.
        LedgerError: the ledger cannot be reached.
    """
    repo = rounds.repository(settings, project, "dev")
    digest = str(sample_ref["approval_digest"])
    user = (answer or {}).get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "")
    words = str(((answer or {}).get("params_input") or {}).get("reason") or "").strip()
    why_no = _objection(repo, sample_ref, digest, answer, {by, str(user.get("id") or "")})
    said = {**source, "user_id": str(user.get("id") or ""), "responded_at": str((answer or {}).get("responded_at") or "")}
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    ledger = Ledger(settings.ledger())
    action = APPROVED if why_no is None else REFUSED
    for known in ledger.audit_entries(_subject(repo.name, digest), ENTRIES):
        if (known.action, known.details.get("source")) == (action, said):
            return _answer(known)
    details = {
        "digest": digest,
        "project": project.name,
        "run_id": sample_ref["run_id"],
        "author": sample_ref["author"],
        "count": sample_ref["count"],
        "reason": "; ".join(filter(None, [why_no, words])),
        "source": said,
        "expires_at": (datetime.now(UTC) + timedelta(hours=project.approval.valid_hours)).isoformat(timespec="seconds"),
    }
    return _answer(ledger.audit(by or None, action, _subject(repo.name, digest), details))


def require_sample_approval(repo: DataRepository, ref: str, document: Mapping[str, Any]) -> None:
    """Make sure that a person has approved exactly this masked sample; called before it is merged.

    Args:
        repo: the dev repository; its settings name the ledger.
        ref: the commit that shall be merged.
        document: ``round.json`` there.

    Raises:
        SampleNotApproved: nobody has, somebody refused, the approval ran out, or rows or report are not those that
            were approved.
        LedgerError: the ledger cannot be reached.
    """
    where = f"{repo.name} at {ref}, round {document['number']}"
    digest = approval_digest(repo, ref, document)
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    ledger = Ledger(repo.settings.ledger())
    entries = [one for one in ledger.audit_entries(_subject(repo.name, digest), ENTRIES) if one.action in (APPROVED, REFUSED)]
    if problem := _missing(entries, document, digest):
        raise SampleNotApproved(where, problem, f"Have it approved in the run of {document['project']}.masked_sample")
    check = ledger.verify_audit()
    if not check.ok:
        advice = "Find out who changed the ledger; nothing is merged until then"
        raise SampleNotApproved(where, f"the audit chain is broken at entry {check.first_bad_seq}: {check.reason}", advice)


def approval_digest(repo: DataRepository, ref: str, document: Mapping[str, Any]) -> str:
    """Return the digest that people approve, after comparing the masked rows with their report.

    Raises:
        SampleNotApproved: there is no report, or it is about other rows.
    """
    number = int(document["number"])
    where = f"{repo.name} at {ref}, round {number}"
    try:
        report = dict(json.loads(repo.get(ref, masking_path(number))))
    except (DataNotFound, ValueError) as cause:
        raise SampleNotApproved(where, "it has no masking report", "Make the sample again") from cause
    if report.get("digest") != rows_digest(repo, ref, number) or report.get("count") != document["count"]:
        raise SampleNotApproved(where, "its rows are not those of its masking report", "Find out who changed them; make it again")
    return items.digest(report)


def masking_path(number: int) -> str:
    """Return the path of a sample's masking report."""
    return f"{rounds.folder(number)}masking.json"


def _objection(
    repo: DataRepository, sample_ref: Ref, digest: str, answer: Mapping[str, Any] | None, person: set[str]
) -> str | None:
    """Return why this answer is no approval; empty where the person simply said no, None where it is one."""
    people = {_same(name) for name in person if name}
    if answer is None or not people:
        return "nobody answered in time"
    if list(answer.get("chosen_options") or []) != [APPROVE]:
        return ""
    document = rounds.describe(repo, sample_ref["commit"], sample_ref["round"])
    if _same(document["author"]) in people or _same(sample_ref["author"]) in people:
        return f"who made the sample may not approve it: it is by {document['author']}"
    try:
        now = approval_digest(repo, sample_ref["branch"] or sample_ref["commit"], document)
    except SampleNotApproved as changed:
        return changed.problem
    return None if now == digest else f"{digest} was shown, and the sample is {now} by now"


def _missing(entries: list[AuditEntry], document: Mapping[str, Any], digest: str) -> str | None:
    """Return why these answers do not allow the merge, None where they do."""
    if not entries:
        return f"nobody has approved {digest}"
    last = entries[-1]
    if refused := next((one for one in entries if one.action == REFUSED), None):
        return f"it was refused by {refused.actor}: {refused.details.get('reason') or 'no reason given'}"
    if _same(last.actor) == _same(str(document["author"])):
        return f"the approval by {last.actor} does not count, for {last.actor} made the sample"
    if datetime.fromisoformat(last.details["expires_at"]) <= datetime.now(UTC):
        return f"the approval by {last.actor} ran out at {last.details['expires_at']}"
    return None


def _subject(repository: str, digest: str) -> str:
    return f"sample {repository} {digest}"


def _answer(entry: AuditEntry) -> dict[str, Any]:
    kept = {name: entry.details[name] for name in ("reason", "digest", "expires_at")}
    return {"decision": entry.action.removeprefix("sample."), "by": entry.actor, "seq": entry.seq, **kept}


def _same(name: str) -> str:
    return name.strip().casefold()
