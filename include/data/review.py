"""Review: a person's answer about a checked round, kept beside it and in the ledger, and asked for by the merge.

``review.json`` lies on the round's branch in a commit of its own. It is about exactly one check report, by the digest
of its bytes, which holds the commit, digest and count of the round: another row or another verdict is another round,
and nobody has accepted it. The ledger holds the same answer in its audit chain, so a file alone merges nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import ReferenceFault, ReviewError
from include.data.rounds import Ref
from include.data.sent_back import ids_back, items_back, named_items, review_path
from include.projects import Project
from include.settings import Settings

ACCEPT, REJECT, BACK = "Accept", "Reject", "Back to labelling"
OPTIONS = (ACCEPT, REJECT, BACK)
ACCEPTED, REJECTED = "review.accepted", "review.rejected"
ENTRIES = 1000
EXAMPLES = 5


def wants_review(project: Project, kind: str) -> bool:
    """Tell whether rounds of a kind are merged only after a person has accepted them."""
    review = project.data.review
    if review is None:
        return False
    return {"collected": True, "operating": review.operating, "labels": review.labels}.get(kind, False)


def checks_digest(repo: DataRepository, ref: str, number: int) -> str:
    """Return the digest of a round's check report: what a person is asked about.

    Raises:
        ReviewError: the round was not checked.
    """
    try:
        return f"sha256:{hashlib.sha256(repo.get(ref, rounds.checks_path(number))).hexdigest()}"
    except DataNotFound as cause:
        raise ReviewError(f"{repo.name} at {ref}, round {number}", "it was not checked", "Run its checks first") from cause


def record_review(
    settings: Settings,
    project: Project,
    round_ref: Ref,
    digest: str,
    answer: Mapping[str, Any] | None,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Keep the answer of a human-in-the-loop task beside the round and in the ledger; the same answer changes nothing.

    Items that go back to labelling stay in the round without their labels. An answer that names items that are not
    there accepts nothing.

    Args:
        settings: data server and ledger.
        project: ``data.review`` says who may accept.
        round_ref: the round, as the collecting task returned it.
        digest: of the check report that the person saw, from `checks_digest`.
        answer: ``chosen_options``, ``params_input`` (``reason``; ``items``, keys of items, one a line),
            ``responded_by_user`` (``id``, ``name``) and ``responded_at``; None where nobody answered in time, which
            means no.
        source: where it was asked, such as dag_id, run_id and task_id.

    Returns:
        What ``review.json`` holds: ``decision`` (accepted or rejected), ``by``, ``at``, ``reason``, ``checks`` (the
        digest), ``digest`` and ``count`` of the round, ``items_back`` (ids by key), ``source``.

    Raises:
        ReviewError: the round was not checked.
        DataError: the data server does not answer.
        LedgerError: the ledger cannot be reached.
    """
    repo = rounds.repository(settings, project, round_ref["zone"])
    ref, number = place(repo, round_ref)
    document = rounds.describe(repo, ref, number)
    given = answer or {}
    user = given.get("responded_by_user") or {}
    by = str(user.get("name") or user.get("id") or "")
    words = given.get("params_input") or {}
    option = next(iter(given.get("chosen_options") or []), "")
    back, unknown = named_items(repo, ref, document, str(words.get("items") or "")) if option == BACK else ({}, [])
    why_no = _objection(project, document, checks_digest(repo, ref, number), digest, option, by, str(user.get("id") or ""))
    if why_no is None and unknown:
        why_no = f"the round has no item {', '.join(unknown[:EXAMPLES])}"
    review = {
        "format": 1,
        "round": number,
        "decision": "accepted" if why_no is None else "rejected",
        "by": by or None,
        "at": str(given.get("responded_at") or ""),
        "reason": "; ".join(filter(None, [why_no, str(words.get("reason") or "").strip()])),
        "checks": digest,
        "digest": document["digest"],
        "count": document["count"],
        "items_back": back if why_no is None else {},
        "source": {**source, "user_id": str(user.get("id") or "")},
    }
    _audit(settings, repo, review)
    if round_ref["branch"] == ref:
        _commit(repo, ref, document, review)
    return review


def require_review(repo: DataRepository, project: Project, document: Mapping[str, Any], ref: str) -> None:
    """Make sure that a person has accepted exactly this round, where the project wants it; called before the merge.

    Args:
        repo: holds the round; its settings name the ledger.
        project: ``data.review``.
        document: the round's ``round.json``.
        ref: the branch or commit that shall be merged.

    Raises:
        ReviewError: nobody has, somebody rejected it, or round or checks are not those that were accepted.
        LedgerError: the ledger cannot be reached.
    """
    if not wants_review(project, document["kind"]):
        return
    number = int(document["number"])
    where = f"{repo.name} at {ref}, round {number}"
    try:
        review = dict(json.loads(repo.get(ref, review_path(number))))
    except (DataNotFound, ValueError) as cause:
        problem = "nobody has accepted it, and data.review of project.yaml asks for it"
        advice = "Answer its review task; where the round was collected again since, clear that task and answer again"
        raise ReviewError(where, problem, advice) from cause
    if review.get("decision") != "accepted":
        problem = f"{review.get('by') or 'nobody'} did not accept it: {review.get('reason') or 'no reason given'}"
        raise ReviewError(where, problem, "Correct the source and start a new run")
    now = {"checks": checks_digest(repo, ref, number), "digest": document["digest"], "count": document["count"]}
    if {name: review.get(name) for name in now} != now:
        raise ReviewError(where, "it is not what was accepted: round or checks changed since", "Clear its review task")
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    entries = Ledger(repo.settings.ledger()).audit_entries(_subject(repo, number), ENTRIES)
    answers = [one for one in entries if one.action in (ACCEPTED, REJECTED) and one.details.get("checks") == review["checks"]]
    if not answers or answers[-1].details.get("review") != items.digest(review):
        raise ReviewError(where, "the ledger knows of no such answer", "Find out who wrote review.json; review the round")


def place(repo: DataRepository, round_ref: Ref) -> tuple[str, int]:
    """Return where a round lies now, branch or merge commit, and its number there, which another merge may have changed.

    Raises:
        ReferenceFault: it is nowhere any more.
    """
    if done := rounds.merged(repo, round_ref["run_id"], round_ref["kind"], source=round_ref["source"]):
        return done.id, int(done.metadata["round"])
    branch = round_ref["branch"]
    if branch is None or not repo.has(branch):
        where = f"{repo.name}, branch {branch}"
        raise ReferenceFault(where, "the round is neither there nor on main", "Collect it again: clear the first task")
    return branch, int(repo.commit_info(branch).metadata["round"])


def _objection(
    project: Project, document: Mapping[str, Any], now: str, shown: str, option: str, by: str, user: str
) -> str | None:
    """Return why this answer accepts nothing; empty where the person simply said no, None where it does accept."""
    people = {_same(name) for name in (by, user) if name}
    if not option or not people:
        return "nobody answered in time"
    if option not in (ACCEPT, BACK):
        return ""
    if now != shown:
        return "round or checks changed while it was looked at: clear the task and look again"
    review = project.data.review
    if review is not None and review.another_person and _same(str(document["author"])) in people:
        return f"who started the run may not accept its round: it is by {document['author']}"
    return None


def _commit(repo: DataRepository, branch: str, document: dict[str, Any], review: Mapping[str, Any]) -> None:
    content, path = items.dump(dict(review)), review_path(document["number"])
    try:
        if repo.get(branch, path) == content:
            return
    except DataNotFound:
        pass
    repo.put(branch, path, content)
    message = f"Review of round {document['number']}: {review['decision']} by {review['by'] or 'nobody'}"
    about = {"decision": review["decision"], "by": review["by"] or "", "back": len(review["items_back"])}
    repo.commit(branch, message, {**rounds.metadata("review", document), **about})


def _audit(settings: Settings, repo: DataRepository, review: Mapping[str, Any]) -> None:
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    ledger, digest = Ledger(settings.ledger()), items.digest(dict(review))
    subject = _subject(repo, review["round"])
    entries = [one for one in ledger.audit_entries(subject, ENTRIES) if one.details.get("checks") == review["checks"]]
    if entries and entries[-1].details.get("review") == digest:
        return
    names: Iterable[str] = ("checks", "digest", "count", "reason", "source")
    details = {"review": digest, "items_back": len(review["items_back"]), **{name: review[name] for name in names}}
    ledger.audit(review["by"], ACCEPTED if review["decision"] == "accepted" else REJECTED, subject, details)


def _subject(repo: DataRepository, number: int) -> str:
    return f"{repo.name}/{rounds.folder(number)}"


def _same(name: str) -> str:
    return name.strip().casefold()


__all__ = [
    "ACCEPT",
    "BACK",
    "OPTIONS",
    "REJECT",
    "checks_digest",
    "ids_back",
    "items_back",
    "record_review",
    "require_review",
    "review_path",
    "wants_review",
]
