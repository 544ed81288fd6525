"""Branches, tags, commits, log, diff, merge and their relatives through the official SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def put(branch: Any, message: str = "", **content: str | None) -> Any:
    """Write (None removes) and commit."""
    for name, text in content.items():
        branch.object(name).delete() if text is None else branch.object(name).upload(text)
    return branch.commit(message or f"change {sorted(content)}")


def read(ref: Any) -> dict[str, str]:
    return {o.path: ref.object(o.path).reader("r").read() for o in ref.objects()}


def changes(found: Any) -> list[tuple[str, str]]:
    return [(c.type, c.path) for c in found]


def test_commit_metadata_log_and_expressions(repository: Any) -> None:
    main = repository.branch("main")
    first = put(main, "첫 번째", a="1")
    main.object("a").upload("2")
    second = main.commit("둘째", metadata={"run": "r-1", "작성자": "개발자"})
    commit = second.get_commit()
    assert (commit.message, commit.metadata, commit.committer, commit.parents) == (
        "둘째", {"run": "r-1", "작성자": "개발자"}, "admin", [first.id],
    )  # fmt: skip
    log = list(main.log())
    assert [c.message for c in log] == ["둘째", "첫 번째", "Repository created"]
    for ref in ("main~1", "main~", "main^1", "main@~1", first.id, first.id[:12], f"{second.id}~1"):
        assert repository.ref(ref).get_commit().id == first.id
        assert read(repository.ref(ref)) == {"a": "1"}
    from lakefs.exceptions import BadRequestException, NotFoundException

    for ref in ("main~3", "main^2", "nothing", "0" * 64, "main~9999999"):
        with pytest.raises(NotFoundException):
            repository.ref(ref).get_commit()
    for ref in ("~1", "main~~x", "main$", "main~99999999999999999999"):
        with pytest.raises(BadRequestException):
            repository.ref(ref).get_commit()
    with pytest.raises(BadRequestException, match="no changes"):
        main.commit("nothing")
    assert main.commit("empty but wanted", allow_empty=True).get_commit().parents == [second.id]


def test_log_pages_and_filters(repository: Any) -> None:
    main = repository.branch("main")
    commits = [put(main, **{f"d{i % 3}": str(i)}).id for i in range(12)]
    api = repository._client.sdk_client.refs_api
    seen, after = [], ""
    while True:
        page = api.log_commits(repository.id, "main", after=after, amount=5)
        seen += [c.id for c in page.results]
        if not page.pagination.has_more:
            break
        after = page.pagination.next_offset
    assert seen[:12] == commits[::-1] and len(seen) == 13
    assert [c.id for c in main.log(objects=["d1"])] == commits[1::3][::-1]
    assert [c.id for c in main.log(prefixes=["d2"], amount=2)] == commits[2::3][::-1]
    assert [c.id for c in main.log(stop_at=commits[9])] == commits[:8:-1]
    assert len(list(main.log(max_amount=4))) == 4


def test_log_follows_merges_and_first_parents(repository: Any) -> None:
    main = repository.branch("main")
    side = repository.branch("side").create("main")
    put(side, "side work", s="1")
    put(main, "main work", m="1")
    side.merge_into("main", message="merged")
    assert {c.message for c in main.log()} == {"merged", "side work", "main work", "Repository created"}
    assert [c.message for c in main.log(first_parent=True)] == ["merged", "main work", "Repository created"]


def test_tags(repository: Any) -> None:
    from lakefs.exceptions import BadRequestException, ConflictException, NotFoundException

    main = repository.branch("main")
    one = put(main, a="1")
    tag = repository.tag("버전-1.0").create("main")
    put(main, a="2")
    assert tag.get_commit().id == one.id and read(tag) == {"a": "1"}
    with pytest.raises(ConflictException):
        repository.tag("버전-1.0").create("main")
    assert repository.tag("버전-1.0").create("main", exist_ok=True).get_commit().id == one.id
    with pytest.raises(ConflictException):
        repository.tag("main").create("main")
    for name in ("a b", "a..b", "x.lock", "x.", "@", "a@{b", "a^b", "a:b", "a\\b", "a" * 256):
        with pytest.raises(BadRequestException):
            repository.tag(name).create("main")
    with pytest.raises(NotFoundException):
        repository.tag("v2").create("no-such-branch")
    repository.tag("v2").create(one)
    assert [t.id for t in repository.tags()] == ["v2", "버전-1.0"]
    assert [t.id for t in repository.tags(prefix="버")] == ["버전-1.0"]
    repository.tag("v2").delete()
    with pytest.raises(NotFoundException):
        repository.tag("v2").get_commit()


def test_branches(repository: Any, http: Callable[..., Any]) -> None:
    from lakefs.exceptions import BadRequestException, ConflictException, ForbiddenException, NotFoundException

    main = repository.branch("main")
    put(main, a="1")
    main.object("b").upload("uncommitted")
    side = repository.branch("side").create("main")
    assert read(side) == {"a": "1"}
    with pytest.raises(ConflictException):
        repository.branch("side").create("main")
    assert repository.branch("side").create("main", exist_ok=True).head.id == main.head.id
    for name in ("-x", "a b", "a/b", "가지", "x" * 256, ""):
        with pytest.raises(BadRequestException):
            repository.branch(name).create("main")
    with pytest.raises(NotFoundException):
        repository.branch("other").create("nowhere")
    repository.branch("hidden").create("main", hidden=True)
    assert [b.id for b in repository.branches()] == ["main", "side"]
    assert [b.id for b in repository.branches(show_hidden=True)] == ["hidden", "main", "side"]
    side.object("staged").upload("x")
    side.delete()
    with pytest.raises(NotFoundException):
        side.get_commit()
    assert read(repository.branch("side").create("main")) == {"a": "1"}
    with pytest.raises(ForbiddenException):
        main.delete()


def test_merge_and_conflicts(repository: Any) -> None:
    from lakefs.exceptions import BadRequestException, ConflictException

    main = repository.branch("main")
    put(main, a="1", b="1", c="1")
    side = repository.branch("side").create("main")
    put(side, "side", a="s", b=None, n="s")
    put(main, "main", c="m", k="m")
    assert changes(main.diff("side")) == [("changed", "a"), ("removed", "b"), ("added", "n")]
    assert changes(main.diff("side", type="two_dot")) == [
        ("changed", "a"), ("removed", "b"), ("changed", "c"), ("removed", "k"), ("added", "n"),
    ]  # fmt: skip
    merged = side.merge_into("main", message="합치기", metadata={"why": "시험"})
    assert read(main) == {"a": "s", "c": "m", "k": "m", "n": "s"}
    commit = repository.ref(merged).get_commit()
    assert commit.message == "합치기" and commit.metadata["why"] == "시험" and len(commit.parents) == 2
    with pytest.raises(BadRequestException, match="no changes"):
        side.merge_into("main")
    with pytest.raises(BadRequestException):
        main.merge_into("main")
    put(side, a="side again", z="z")
    put(main, a="main again")
    assert ("conflict", "a") in changes(main.diff("side"))
    before = main.head.id
    with pytest.raises(ConflictException, match="both sides changed 'a'"):
        side.merge_into("main")
    assert main.head.id == before
    side.merge_into("main", strategy="dest-wins")
    assert read(main)["a"] == "main again" and read(main)["z"] == "z"
    put(side, a="side third")
    put(main, a="main third")
    with pytest.raises(BadRequestException, match="strategy"):
        side.merge_into("main", strategy="loudest-wins")
    side.merge_into("main", strategy="source-wins")
    assert read(main)["a"] == "side third"


def test_merge_into_a_dirty_branch_is_refused_and_squash_keeps_one_parent(repository: Any) -> None:
    from lakefs.exceptions import BadRequestException

    main = repository.branch("main")
    side = repository.branch("side").create("main")
    put(side, "one", a="1")
    put(side, "two", b="2")
    main.object("c").upload("3")
    with pytest.raises(BadRequestException, match="uncommitted"):
        side.merge_into("main")
    main.reset_changes()
    merged = side.merge_into("main", squash_merge=True)
    assert len(repository.ref(merged).get_commit().parents) == 1
    assert [c.message for c in main.log()] == ["Merge 'side' into 'main'", "Repository created"]
    assert read(main) == {"a": "1", "b": "2"}


def test_merge_base(repository: Any) -> None:
    main = repository.branch("main")
    base = put(main, a="1")
    side = repository.branch("side").create("main")
    put(side, b="1")
    put(main, c="1")
    found = repository._client.sdk_client.refs_api.find_merge_base(repository.id, "side", "main")
    assert found.base_commit_id == base.id and found.source_commit_id == side.head.id


def test_transaction(repository: Any) -> None:
    main = repository.branch("main")
    put(main, old="1")
    with main.transact(commit_message="한 번에", commit_metadata={"k": "v"}, tag="tx-1") as tx:
        tx.object("new").upload("2")
        tx.object("old").delete()
        assert main.object("old").exists()
    assert read(main) == {"new": "2"} and read(repository.tag("tx-1")) == {"new": "2"}
    assert [b.id for b in repository.branches(show_hidden=True)] == ["main"]
    with pytest.raises(ZeroDivisionError), main.transact(commit_message="fails") as tx:
        tx.object("half").upload("x")
        raise ZeroDivisionError
    assert read(main) == {"new": "2"}
    assert [b.id for b in repository.branches(show_hidden=True)] == ["main"]


def test_revert_and_cherry_pick(repository: Any) -> None:
    from lakefs.exceptions import BadRequestException, ConflictException

    main = repository.branch("main")
    put(main, a="1", b="1")
    bad = put(main, "bad", a="2", x="x")
    put(main, b="2")
    main.revert(bad.id)
    assert read(main) == {"a": "1", "b": "2"}
    side = repository.branch("side").create("main~3")
    picked = side.cherry_pick(bad.id)
    assert picked.message == "bad" and picked.metadata["cherry-pick-origin"] == bad.id
    assert read(side) == {"a": "2", "b": "1", "x": "x"}
    with pytest.raises(BadRequestException, match="no changes"):
        side.cherry_pick(bad.id)
    put(side, a="3")
    with pytest.raises(ConflictException):
        side.revert(bad.id)
    merged = side.merge_into("main", strategy="source-wins")
    with pytest.raises(ConflictException, match="parent_number"):
        main.revert(merged)
    with pytest.raises(BadRequestException, match="parent_number"):
        main.cherry_pick(merged)
    with pytest.raises(BadRequestException, match="out of range"):
        main.revert(merged, parent_number=3)
    main.revert(merged, parent_number=1)
    assert read(main) == {"a": "1", "b": "2"}
    main.object("dirty").upload("x")
    with pytest.raises(BadRequestException, match="uncommitted"):
        main.revert(bad.id)


def test_reset_of_everything_a_prefix_and_an_object(repository: Any) -> None:
    main = repository.branch("main")
    put(main, a="1")
    for name in ("p/1", "p/2", "pq", "q"):
        main.object(name).upload("x")
    main.object("a").delete()
    main.reset_changes("object", "q")
    assert sorted(read(main)) == ["p/1", "p/2", "pq"]
    main.reset_changes("common_prefix", "p/")
    assert sorted(read(main)) == ["pq"]
    main.reset_changes()
    assert read(main) == {"a": "1"}
    assert changes(main.uncommitted()) == []


def test_hard_reset(repository: Any, http: Callable[..., Any]) -> None:
    main = repository.branch("main")
    first = put(main, a="1")
    put(main, a="2")
    address = f"/repositories/{repository.id}/branches/main/hard_reset"
    assert http("PUT", address, params={"ref": first.id}).status_code == 204
    assert read(main) == {"a": "1"}
    assert http("PUT", address).status_code == 400


def test_uncommitted_changes_and_diff_of_a_dirty_branch(repository: Any) -> None:
    main = repository.branch("main")
    put(main, a="1", b="1", c="1")
    side = repository.branch("side").create("main")
    side.object("a").upload("2")
    side.object("b").upload("1")  # the same again is no change
    side.object("c").delete()
    side.object("d/e").upload("x")
    assert changes(side.uncommitted()) == [("changed", "a"), ("removed", "c"), ("added", "d/e")]
    assert changes(side.uncommitted(prefix="d/")) == [("added", "d/e")]
    assert changes(side.uncommitted(delimiter="/")) == [("changed", "a"), ("removed", "c"), ("prefix_changed", "d/")]
    assert changes(main.diff("side", type="two_dot")) == [("changed", "a"), ("removed", "c"), ("added", "d/e")]
    assert changes(main.diff("side")) == []
    side.commit("now")
    assert changes(main.diff("side")) == [("changed", "a"), ("removed", "c"), ("added", "d/e")]


def test_protected_branches(repository: Any) -> None:
    import lakefs_sdk
    from lakefs.exceptions import ForbiddenException, PermissionException

    api = repository._client.sdk_client.repositories_api
    main, side = repository.branch("main"), repository.branch("release-1").create("main")
    work = repository.branch("work").create("main")
    put(main, a="1")
    api.set_branch_protection_rules(
        repository.id, [lakefs_sdk.BranchProtectionRule(pattern="main"), lakefs_sdk.BranchProtectionRule(pattern="release-*")]
    )
    assert [r.pattern for r in api.get_branch_protection_rules(repository.id)] == ["main", "release-*"]
    for branch in (main, side):
        with pytest.raises(ForbiddenException):
            branch.object("x").upload("1")
        with pytest.raises(PermissionException):
            branch.object("a").delete()
        with pytest.raises(ForbiddenException):
            branch.commit("no", allow_empty=True)
    with pytest.raises(ForbiddenException):
        side.delete()
    put(work, b="2")
    work.merge_into("main")
    assert read(main) == {"a": "1", "b": "2"}
    with pytest.raises(lakefs_sdk.ApiException) as caught:
        api.set_branch_protection_rules(repository.id, [], if_match="something else")
    assert caught.value.status == 412
    api.set_branch_protection_rules(repository.id, [])
    put(main, c="3")


def test_repository_life(data_server: Any) -> None:
    import lakefs
    from lakefs.exceptions import BadRequestException, ConflictException, NotFoundException

    client = data_server.client()
    repository = lakefs.repository("life-dev", client=client).create("local://life-dev", default_branch="trunk")
    assert repository.properties.default_branch == "trunk"
    with pytest.raises(ConflictException):
        lakefs.repository("life-dev", client=client).create("local://life-dev")
    assert lakefs.repository("life-dev", client=client).create("local://x", exist_ok=True).properties.default_branch == "trunk"
    for name, namespace in [
        ("Bad_Name", "local://n"),
        ("ab", "local://n"),
        ("fine-dev", "s3://n"),
        ("fine-dev", "local://life-dev/"),
    ]:
        with pytest.raises(BadRequestException):
            _create_raw(client, name, namespace)
    put(repository.branch("trunk"), a="1")
    assert "life-dev" in [r.id for r in lakefs.repositories(client=client, prefix="life")]
    repository.delete()
    with pytest.raises(NotFoundException):
        repository.branch("trunk").get_commit()
    again = lakefs.repository("life-dev", client=client).create("local://life-dev")
    assert read(again.branch("main")) == {}


def _create_raw(client: Any, name: str, namespace: str) -> None:
    from lakefs.exceptions import api_exception_handler
    from lakefs_sdk import RepositoryCreation

    body = RepositoryCreation.construct(name=name, storage_namespace=namespace)
    with api_exception_handler():
        client.sdk_client.repositories_api.create_repository(body)


def test_repository_metadata_and_server_facts(repository: Any, http: Callable[..., Any]) -> None:
    import lakefs_sdk

    internal = repository._client.sdk_client.internal_api
    internal.set_repository_metadata(repository.id, lakefs_sdk.RepositoryMetadataSet(metadata={"a": "1", "담당": "홍"}))
    internal.delete_repository_metadata(repository.id, lakefs_sdk.RepositoryMetadataKeys(keys=["a"]))
    assert repository.metadata == {"담당": "홍"}
    assert repository._client.version == "embedded"
    assert repository._client.sdk_client.auth_api.get_current_user().user.id == "admin"
    assert repository._client.sdk_client.health_check_api.health_check() is None
    assert http("GET", "/setup_lakefs", auth=None).json()["state"] == "initialized"
