"""Every way not to be approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.ledger import Approval, Ledger, LedgerRefusal, Release
from include.projects import Project, load_project
from include.release.approval import ApprovalError, record_answer, verify
from include.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DIGEST = "sha256:aa"
MODEL, CODE = "approve_model", "approve_inference_code"


@pytest.fixture
def project() -> Project:
    return load_project("digits")


@pytest.fixture
def settings(ledger: Ledger) -> Settings:
    return Settings(ledger_url=ledger.url)


RELEASE = Release("digits-r0001", "digits", 1, "run", ["developer", "Dev Two"], {}, {}, DIGEST, "sealed", NOW)


def answer(number: int, step: str, by: str, **other: Any) -> Approval:
    values = {"digest": DIGEST, "decision": "approved", "used_by": None, "expires_at": NOW + timedelta(hours=1)} | other
    return Approval(number, "digits-r0001", step=step, by=by, reason="because", source={}, at=NOW, **values)


def test_each_step_by_another_person_is_enough(project: Project) -> None:
    given = [answer(1, CODE, "lee"), answer(2, MODEL, "kim"), answer(3, "unknown_step", "kim")]
    assert verify(project, RELEASE, given, DIGEST, NOW) == [2, 1]


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ([], [f"{MODEL}: nobody has approved {DIGEST}", f"{CODE}: nobody has approved {DIGEST}"]),
        ([answer(1, MODEL, "kim")], [f"{CODE}: nobody has approved {DIGEST}"]),
        ([answer(1, MODEL, "kim"), answer(2, CODE, "lee", digest="sha256:bb")], ["1 answer(s) are about another digest"]),
        ([answer(1, MODEL, "kim"), answer(2, CODE, "KIM ")], ["needs another person"]),
        ([answer(1, MODEL, "kim"), answer(2, CODE, "developer")], ["developer is an author"]),
        ([answer(1, MODEL, "dev two"), answer(2, CODE, "lee")], ["dev two is an author"]),
        ([answer(1, MODEL, "kim"), answer(2, CODE, "lee", expires_at=NOW)], ["the approval by lee ran out at 2026-11-20 12:00"]),
        (
            [answer(1, MODEL, "kim", used_by=7), answer(2, CODE, "lee", used_by=7)],
            ["used by deployment 7", "used by deployment 7"],
        ),
        (
            [answer(1, MODEL, "kim"), answer(2, CODE, "lee", decision="refused")],
            ["refused by lee: because", "nobody has approved"],
        ),
        (
            [answer(1, MODEL, "kim"), answer(2, CODE, "lee"), answer(3, CODE, "park", decision="refused")],
            ["refused by park: because"],
        ),
        ([answer(1, MODEL, "kim"), answer(2, CODE, "")], ["without a name"]),
    ],
)
def test_what_is_not_enough(project: Project, given: list[Approval], problems: list[str]) -> None:
    with pytest.raises(ApprovalError) as caught:
        verify(project, RELEASE, given, DIGEST, NOW)
    assert len(caught.value.problems) == len(problems), caught.value.problems
    for says, found in zip(problems, caught.value.problems, strict=True):
        assert says in found


def test_approvals_of_another_release_do_not_count(project: Project) -> None:
    other = Release(**{name: getattr(RELEASE, name) for name in RELEASE.__slots__} | {"id": "digits-r0002"})
    with pytest.raises(ApprovalError, match="nobody has approved"):
        verify(project, other, [answer(1, MODEL, "kim"), answer(2, CODE, "lee")], DIGEST, NOW)


def test_a_newer_approval_stands_in_for_one_that_ran_out(project: Project) -> None:
    given = [answer(1, MODEL, "kim", expires_at=NOW - timedelta(days=1)), answer(2, CODE, "lee"), answer(3, MODEL, "kim")]
    assert verify(project, RELEASE, given, DIGEST, NOW) == [3, 2]


def test_who_approved_what_is_sorted_out(project: Project) -> None:
    given = [answer(1, MODEL, "kim"), answer(2, CODE, "kim"), answer(3, MODEL, "lee")]
    assert verify(project, RELEASE, given, DIGEST, NOW) == [3, 2]


# Answers of human-in-the-loop tasks


@pytest.fixture
def sealed(ledger: Ledger) -> Release:
    opened = ledger.open_release("digits", "run", ["developer"], {"version": "1"})
    return ledger.seal_release(opened.id, {"a": 1})


def said(name: str | None, option: str = "Approve", reason: str = "", number: str = "3") -> dict[str, Any]:
    user = {"id": number, "name": name} if name else None
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_by_user": user,
        "responded_at": datetime(2026, 11, 20, tzinfo=UTC),
    }


def record(
    settings: Settings, project: Project, release: Release, step: str, what: Any, digest: str = ""
) -> tuple[str, str, str]:
    source = {"dag_id": "digits.release", "run_id": "r", "task_id": step}
    made = record_answer(settings, project, release.id, digest or release.digest or "", step, what, source)
    return made["decision"], made["by"], made["reason"]


def test_two_people_say_yes(settings: Settings, project: Project, ledger: Ledger, sealed: Release) -> None:
    assert record(settings, project, sealed, MODEL, said("kim", reason="좋습니다")) == ("approved", "kim", "좋습니다")
    assert record(settings, project, sealed, CODE, said("lee", number="4")) == ("approved", "lee", "")
    known = ledger.approvals(sealed.id)
    assert known[0].source == {
        "dag_id": "digits.release",
        "run_id": "r",
        "task_id": MODEL,
        "user_id": "3",
        "responded_at": "2026-11-20 00:00:00+00:00",
    }
    hours = (known[0].expires_at - known[0].at).total_seconds() / 3600
    assert hours == project.approval.valid_hours
    assert verify(project, ledger.release(sealed.id), known, sealed.digest or "", datetime.now(UTC)) == [1, 2]


def test_a_retry_of_the_same_answer_is_one_record(settings: Settings, project: Project, ledger: Ledger, sealed: Release) -> None:
    assert record(settings, project, sealed, MODEL, said("kim")) == record(settings, project, sealed, MODEL, said("kim"))
    assert len(ledger.approvals(sealed.id)) == 1


@pytest.mark.parametrize(
    ("what", "by", "says"),
    [
        (None, "", "nobody answered in time"),
        (said(None), "", "nobody answered in time"),
        (said("kim", "Refuse", "too slow"), "kim", "too slow"),
        (said("kim", "Reject"), "kim", ""),
        ({"chosen_options": [], "responded_by_user": {"id": "3", "name": "kim"}}, "kim", ""),
        ({"chosen_options": ["Approve", "Refuse"], "responded_by_user": {"id": "3", "name": "kim"}}, "kim", ""),
        (said("developer", reason="mine"), "developer", "an author may not approve: digits-r0001 is by developer; mine"),
        (said("Developer"), "Developer", "an author may not approve"),
    ],
)
def test_what_counts_as_no(
    settings: Settings, project: Project, ledger: Ledger, sealed: Release, what: Any, by: str, says: str
) -> None:
    decision, who, reason = record(settings, project, sealed, MODEL, what)
    assert (decision, who) == ("refused", by)
    assert says in reason
    assert ledger.release(sealed.id).state == "refused"
    assert [e.action for e in ledger.audit_entries(sealed.id)][-2:] == ["approval.refused", "release.refuse"]
    with pytest.raises(ApprovalError, match="start a new release run"):
        verify(project, ledger.release(sealed.id), ledger.approvals(sealed.id), sealed.digest or "", datetime.now(UTC))


def test_one_person_twice(settings: Settings, project: Project, sealed: Release) -> None:
    record(settings, project, sealed, MODEL, said("kim"))
    decision, by, reason = record(settings, project, sealed, CODE, said(" Kim"))
    assert (decision, by) == ("refused", " Kim")
    assert reason == "kim answered approve_model already: each step needs another person"


def test_another_digest_was_shown(settings: Settings, project: Project, sealed: Release) -> None:
    decision, _, reason = record(settings, project, sealed, MODEL, said("kim"), digest="sha256:old")
    assert decision == "refused"
    assert "but sha256:old was shown" in reason


def test_a_late_no_does_not_close_what_is_live(settings: Settings, project: Project, ledger: Ledger, sealed: Release) -> None:
    ledger.switch("digits", "production", sealed.id, "deploy", "dev", "go")
    assert record(settings, project, sealed, MODEL, said("kim", "Refuse"))[0] == "refused"
    assert ledger.release(sealed.id).state == "sealed"


def test_an_unknown_step_or_release(settings: Settings, project: Project, sealed: Release) -> None:
    with pytest.raises(ApprovalError, match="no approval step 'x'; its steps: approve_model, approve_inference_code"):
        record_answer(settings, project, sealed.id, "", "x", None, {})
    with pytest.raises(LedgerRefusal, match="no release 'digits-r0007'"):
        record_answer(settings, project, "digits-r0007", "", MODEL, None, {})
