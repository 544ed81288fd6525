from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.ledger import Approval, Deployment, Ledger, LedgerRefusal, Release


def sealed(ledger: Ledger, key: str, project: str = "digits") -> Release:
    opened = ledger.open_release(project, key, ["dev"], {"name": project, "version": key})
    return ledger.seal_release(opened.id, {"key": key})


def approve(ledger: Ledger, release: Release, by: str = "kim", hours: float = 1, decision: str = "approved") -> Approval:
    return ledger.record_approval(release.id, release.digest or "", "model", decision, by, "ok", {"by": by}, hours)  # type: ignore[arg-type]


def deploy(ledger: Ledger, release: Release, kind: str = "deploy", approvals: tuple[int, ...] = ()) -> Deployment:
    return ledger.switch("digits", "production", release.id, kind, "dev", "go", approvals)  # type: ignore[arg-type]


def test_a_switch_moves_the_route_and_remembers_what_was_there(ledger: Ledger) -> None:
    one, two = sealed(ledger, "1"), sealed(ledger, "2")
    assert ledger.route("digits", "production") is None and ledger.previous_release("digits") is None
    first = deploy(ledger, one)
    assert first.previous is None and ledger.previous_release("digits") is None
    second = deploy(ledger, two)
    assert (second.previous, second.kind, second.digest) == (one.id, "deploy", two.digest)
    route = ledger.route("digits", "production")
    assert route is not None and ledger.routes() == ledger.routes("digits") == [route]
    assert (route.release_id, route.digest, route.model["version"]) == (two.id, two.digest, "2")
    assert (route.deployment_id, route.since) == (second.id, second.at)
    assert ledger.previous_release("digits") == one.id
    back = deploy(ledger, one, "rollback")
    assert back.previous == two.id == ledger.previous_release("digits")
    assert ledger.deployments("digits", "production") == [first, second, back]
    assert ledger.routes("other") == [] and ledger.deployments("digits", "staging") == []


def test_the_same_release_again_is_the_same_deployment(ledger: Ledger) -> None:
    release = sealed(ledger, "1")
    given = approve(ledger, release)
    first = deploy(ledger, release, approvals=(given.id,))
    entries = ledger.verify_audit().entries
    assert deploy(ledger, release, approvals=(given.id,)) == first
    assert ledger.verify_audit().entries == entries
    assert [a.used_by for a in ledger.approvals(release.id)] == [first.id]


def test_staging_takes_a_draft_and_production_does_not(ledger: Ledger) -> None:
    draft = ledger.open_release("digits", "x", ["dev"], {"version": "1"})
    ledger.switch("digits", "staging", draft.id, "staging", None, "test")
    assert [(r.name, r.digest) for r in ledger.routes("digits")] == [("staging", None)]
    with pytest.raises(LedgerRefusal, match="not sealed"):
        deploy(ledger, draft)


@pytest.mark.parametrize(
    ("project", "route", "kind", "says"),
    [
        ("other", "production", "deploy", "belongs to digits"),
        ("digits", "production", "undo", "not deploy, rollback or staging"),
        ("digits", "production", "staging", "does not go with"),
        ("digits", "staging", "deploy", "does not go with"),
        ("digits", "production", "rollback", "never was there"),
    ],
)
def test_what_may_not_be_switched(ledger: Ledger, project: str, route: str, kind: str, says: str) -> None:
    release = sealed(ledger, "1")
    entries = ledger.verify_audit().entries
    with pytest.raises(LedgerRefusal, match=says):
        ledger.switch(project, route, release.id, kind, "dev", "go")  # type: ignore[arg-type]
    assert ledger.routes() == [] and ledger.verify_audit().entries == entries


def test_who_was_on_staging_alone_is_nothing_to_roll_back_to(ledger: Ledger) -> None:
    release = sealed(ledger, "1")
    ledger.switch("digits", "staging", release.id, "staging", None, "test")
    with pytest.raises(LedgerRefusal, match="never was there"):
        deploy(ledger, release, "rollback")
    assert ledger.route("digits", "production") is None


def test_approvals_are_used_once_and_only_for_their_release(ledger: Ledger) -> None:
    one, two = sealed(ledger, "1"), sealed(ledger, "2")
    given = approve(ledger, one)
    deploy(ledger, one, approvals=(given.id,))
    with pytest.raises(LedgerRefusal, match="not about digits-r0002"):
        deploy(ledger, two, approvals=(given.id,))
    of_other_bytes = ledger.record_approval(two.id, "sha256:" + "0" * 64, "model", "approved", "kim", "ok", {}, 1)
    with pytest.raises(LedgerRefusal, match=f"not about {two.id} with digest {two.digest}"):
        deploy(ledger, two, approvals=(of_other_bytes.id,))
    deploy(ledger, two)
    with pytest.raises(LedgerRefusal, match="was used by deployment 1"):
        deploy(ledger, one, approvals=(given.id,))
    for bad in (approve(ledger, one, "lee", hours=0), approve(ledger, one, "park", decision="refused")):
        with pytest.raises(LedgerRefusal, match="ask for a new one"):
            deploy(ledger, one, approvals=(bad.id,))
    with pytest.raises(LedgerRefusal, match="approval 99 "):
        deploy(ledger, one, approvals=(99,))
    route = ledger.route("digits", "production")
    assert route is not None and route.release_id == two.id


def test_a_refused_release_goes_nowhere(ledger: Ledger) -> None:
    release = sealed(ledger, "1")
    ledger.refuse_release(release.id, "kim", "no")
    with pytest.raises(LedgerRefusal, match="it was refused"):
        deploy(ledger, release)


def test_two_deployments_at_once_use_an_approval_once(ledger: Ledger) -> None:
    release = sealed(ledger, "1")
    given = approve(ledger, release)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: deploy(ledger, release, approvals=(given.id,)).id, range(16)))
    assert set(made) == {1} and len(ledger.deployments("digits")) == 1
    assert ledger.verify_audit().ok


def test_readers_see_the_route_before_or_after_never_between(ledger: Ledger) -> None:
    one, two = sealed(ledger, "1"), sealed(ledger, "2")
    deploy(ledger, one)
    deploy(ledger, two)
    seen = set()

    def look(_: int) -> None:
        route = ledger.route("digits", "production")
        assert route is not None
        seen.add((route.release_id, route.digest, route.model["version"]))

    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(look, n) for n in range(200)]
        for n in range(30):
            deploy(ledger, (one, two)[n % 2], "rollback")
        for done in looks:
            done.result()
    assert seen <= {(one.id, one.digest, "1"), (two.id, two.digest, "2")}


def test_recording_the_same_answer_again_changes_nothing(ledger: Ledger) -> None:
    release = sealed(ledger, "1")
    assert approve(ledger, release) == approve(ledger, release)
    assert len(ledger.approvals(release.id)) == 1
    with pytest.raises(LedgerRefusal, match="approved or refused"):
        approve(ledger, release, decision="maybe")
