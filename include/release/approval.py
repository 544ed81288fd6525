"""Who said yes to which digest, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from include.ledger import Approval, Ledger, Release
from include.projects import Project
from include.release.errors import ReleaseError
from include.settings import Settings

APPROVE = "Approve"  # the option of the human-in-the-loop task that means yes; anything else means no


class ApprovalError(ReleaseError):
    """A release that people did not approve as the project's policy asks."""


def verify(project: Project, release: Release, approvals: Iterable[Approval], digest: str, now: datetime) -> list[int]:
    """Check the approvals of a release against the project's policy.

    Args:
        project: its ``approval.steps`` are all needed, each by another person, none of them an author.
        release: what shall be deployed.
        approvals: all recorded answers about it.
        digest: what its bytes are now; only approvals of exactly this digest count.
        now: the moment; an approval that ran out before does not count.

    Returns:
        The ids of the approvals that allow it, in the order of the steps.

    Raises:
        ApprovalError: it is not allowed; ``problems`` says all that is missing.
    """
    answers = list(approvals)
    here = [a for a in answers if a.digest == digest and a.release_id == release.id]
    problems = [f"{a.step} was refused by {a.by or 'nobody'}: {a.reason}" for a in here if a.decision != "approved"]
    if release.state == "refused":
        problems.append("the release was refused: start a new release run")
    valid: list[list[Approval]] = []
    for step in project.approval.steps:
        given = {a.id: a for a in here if a.step == step.name and a.decision == "approved"}
        why_not = {number: _why_not(a, release, now) for number, a in given.items()}
        valid.append([a for number, a in given.items() if not why_not[number]])
        if not given:
            others = sum(a.step == step.name and a.digest != digest for a in answers)
            hint = f"; {others} answer(s) are about another digest" if others else ""
            problems.append(f"{step.name}: nobody has approved {digest}{hint}")
        elif not valid[-1]:  # a newer approval stands in for one that ran out
            problems += [f"{step.name}: {why}" for why in why_not.values()]
    chosen = _different_people(valid)
    if chosen is None and all(valid):
        people = ", ".join(sorted({a.by for given in valid for a in given}))
        problems.append(
            f"each of {', '.join(s.name for s in project.approval.steps)} needs another person: only {people} approved"
        )
    if chosen is None or problems:
        raise ApprovalError(release.id, problems)
    return [a.id for a in chosen]


def record_answer(
    settings: Settings,
    project: Project,
    release_id: str,
    digest: str,
    step: str,
    answer: Mapping[str, Any] | None,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Copy the answer of a human-in-the-loop task into the ledger, as a refusal where the person may not approve.

    A refusal also closes the release, unless it was on production already.

    Args:
        settings: of the ledger.
        project: gives the steps and how long an approval counts.
        release_id: the release that was asked about.
        digest: the digest that was shown.
        step: name of the approval step.
        answer: ``chosen_options``, ``params_input`` (``reason``), ``responded_by_user`` (``id``, ``name``) and
            ``responded_at``; None where nobody answered in time, which means no.
        source: where it was asked, such as dag_id, run_id and task_id.

    Returns:
        The recorded approval; see `include.ledger.Approval`.

    Raises:
        ApprovalError: the project has no such step.
        LedgerError: no such release, or the ledger cannot be reached.
    """
    steps = [s.name for s in project.approval.steps]
    if step not in steps:
        raise ApprovalError(release_id, [f"{project.name} has no approval step {step!r}; its steps: {', '.join(steps)}"])
    ledger = Ledger(settings.ledger())
    release = ledger.release(release_id)
    user = (answer or {}).get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "")
    words = str(((answer or {}).get("params_input") or {}).get("reason") or "").strip()
    why_no = _objection(release, ledger.approvals(release_id), digest, step, answer, {by, str(user.get("id") or "")})
    record = ledger.record_approval(
        release_id,
        digest,
        step,
        "refused" if why_no is not None else "approved",
        by or None,
        "; ".join(filter(None, [why_no, words])),
        {**source, "user_id": str(user.get("id") or ""), "responded_at": str((answer or {}).get("responded_at") or "")},
        project.approval.valid_hours,
    )
    been_there = any(d.release_id == release_id and d.kind != "staging" for d in ledger.deployments(project.name))
    if record.decision == "refused" and not been_there:
        ledger.refuse_release(release_id, by or None, f"{step}: {record.reason or 'no reason given'}")
    return record.to_dict()


def _objection(
    release: Release,
    known: Sequence[Approval],
    digest: str,
    step: str,
    answer: Mapping[str, Any] | None,
    person: set[str],
) -> str | None:
    """Return why this answer is no approval; empty where the person simply said no, None where it is one."""
    people = {_same(name) for name in person if name}
    if answer is None or not people:
        return "nobody answered in time"
    if list(answer.get("chosen_options") or []) != [APPROVE]:
        return ""
    if release.digest != digest:
        return f"the release is sealed as {release.digest}, but {digest} was shown"
    if people & {_same(author) for author in release.authors}:
        return f"an author may not approve: {release.id} is by {', '.join(release.authors)}"
    for other in known:
        if other.digest == digest and other.step != step and _same(other.by) in people:
            return f"{other.by} answered {other.step} already: each step needs another person"
    return None


def _why_not(approval: Approval, release: Release, now: datetime) -> str:
    who = f"the approval by {approval.by or 'nobody'}"
    if approval.used_by is not None:
        return (
            f"{who} was used by deployment {approval.used_by}, and counts once:"
            " roll back to this release, or start a new release run"
        )
    if approval.expires_at <= now:
        return f"{who} ran out at {approval.expires_at:%Y-%m-%d %H:%M} UTC: start a new release run"
    if not approval.by:
        return "an approval without a name does not count"
    if _same(approval.by) in {_same(author) for author in release.authors}:
        return f"{who} does not count, for {approval.by} is an author"
    return ""


def _different_people(steps: list[list[Approval]]) -> list[Approval] | None:
    for choice in product(*steps):
        if len({_same(a.by) for a in choice}) == len(choice):
            return list(choice)
    return None


def _same(name: str) -> str:
    return name.strip().casefold()
