"""The data client against the real server: every call, every error in our words."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from include.clients import lakefs
from include.clients.lakefs import DataConflict, DataDenied, DataError, DataNotFound, DataRepository, DataUnreachable
from include.errors import FinalError
from include.settings import Settings

SECRET = "geheim-geheim"


def settings(url: str, key: tuple[str, str], zone: str = "dev", **more: Any) -> Settings:
    names = {f"data_{zone}_url": url, f"data_{zone}_access_key": key[0], f"data_{zone}_secret_key": key[1]}
    return Settings(**{**names, **more})


@pytest.fixture
def repo(data_server: Any) -> DataRepository:
    made = DataRepository(settings(data_server.url, data_server.dev), f"c{uuid.uuid4().hex[:10]}-dev", "dev")
    made.ensure()
    return made


@pytest.mark.integration
def test_from_branch_to_tag(repo: DataRepository, tmp_path: Path) -> None:
    repo.ensure()
    base = repo.branch("work")
    assert repo.branch("work") == base == repo.head("main") == repo.head("work")
    file = tmp_path / "큰 파일"
    file.write_bytes(b"x" * 100)
    repo.put("work", "a/하나.txt", "하나".encode())
    repo.put("work", "a/b/two", file)
    assert list(repo.list("work")) == ["a/b/two", "a/하나.txt"] and list(repo.list("main")) == []
    commit = repo.commit("work", "첫 저장", {"run_id": "r 1", "round": 1})
    info = repo.commit_info(commit)
    assert (info.message, info.metadata, info.parents) == ("첫 저장", {"run_id": "r 1", "round": "1"}, [base])
    merge = repo.merge("work", message="m", metadata={"step": "merge"})
    assert repo.head("main") == merge and commit in repo.commit_info(merge).parents
    assert repo.get("main", "a/하나.txt").decode() == "하나" and repo.get(commit, "a/b/two") == b"x" * 100
    assert list(repo.list("main", "a/", "/")) == ["a/b/", "a/하나.txt"]
    assert repo.tag("v1", "main") == repo.tag("v1", merge) == merge and repo.tags() == {"v1": merge}
    repo.delete_branch("work")
    repo.delete_branch("work")
    assert not repo.has("work") and repo.has("v1") and repo.has(commit)
    found = repo.find("main", run_id="r 1", round="1")
    assert found is not None and found.id == commit and repo.find("main", run_id="r 1", round="2") is None


@pytest.mark.integration
def test_a_new_branch_drops_what_was_there(repo: DataRepository) -> None:
    repo.branch("work")
    repo.put("work", "left", b"over")
    assert repo.new_branch("work") == repo.head("main")
    assert list(repo.list("work")) == []


@pytest.mark.integration
@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 5000])
def test_large_objects_come_in_pieces(repo: DataRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(lakefs, "CHUNK", 1000)
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(bytes(n % 251 for n in range(size)))
    repo.branch("work")
    repo.put("work", "o", source)
    repo.fetch("work", "o", target)
    assert target.read_bytes() == source.read_bytes() == repo.get("work", "o")


@pytest.mark.integration
def test_lists_go_over_pages(repo: DataRepository) -> None:
    repo.branch("work")
    for number in range(30):
        repo.put("work", f"n/{number:03d}", b"")
    pages = repo._repository.ref("work").objects(prefix="n/", amount=7)
    assert [entry.path for entry in pages] == list(repo.list("work", "n/")) == [f"n/{number:03d}" for number in range(30)]


@pytest.mark.integration
def test_a_conflict_merges_nothing(repo: DataRepository) -> None:
    for name in ("one", "two"):
        repo.branch(name)
        repo.put(name, "same", name.encode())
        repo.commit(name, name, {})
    head = repo.merge("one")
    with pytest.raises(DataConflict, match="cannot merge branch two into main"):
        repo.merge("two")
    assert repo.head("main") == head and repo.get("main", "same") == b"one" and repo.has("two")


@pytest.mark.integration
def test_a_tag_never_moves(repo: DataRepository) -> None:
    first = repo.tag("v1", "main")
    repo.branch("work")
    repo.put("work", "a", b"")
    commit = repo.commit("work", "a", {})
    with pytest.raises(DataConflict, match=f"stands for {first}"):
        repo.tag("v1", commit)
    assert repo.tags() == {"v1": first}


@pytest.mark.integration
def test_what_is_not_there(repo: DataRepository) -> None:
    for call in (
        lambda: repo.get("main", "nothing/없음"),
        lambda: repo.head("nowhere"),
        lambda: repo.branch("x", "nowhere"),
        lambda: repo.put("nowhere", "a", b""),
        lambda: list(repo.list("nowhere")),
        lambda: repo.merge("nowhere"),
        lambda: repo.tag("v1", "nowhere"),
    ):
        with pytest.raises(DataNotFound) as caught:
            call()
        assert isinstance(caught.value, FinalError) and repo.name in str(caught.value) and caught.value.advice
    missing = DataRepository(repo.settings, "never-made-dev", "dev")
    with pytest.raises(DataNotFound):
        missing.head("main")


@pytest.mark.integration
def test_nothing_to_commit_is_an_error_that_says_so(repo: DataRepository) -> None:
    repo.branch("work")
    with pytest.raises(DataError, match="no changes"):
        repo.commit("work", "empty", {})


@pytest.mark.integration
def test_wrong_and_missing_grants(data_server: Any) -> None:
    name = f"c{uuid.uuid4().hex[:10]}-ops"
    owner = DataRepository(settings(data_server.url, data_server.ops, "ops"), name, "ops")
    owner.ensure()
    for key in (data_server.dev, (data_server.ops[0], SECRET), ("nobody", SECRET)):
        stranger = DataRepository(settings(data_server.url, key, "ops"), name, "ops")
        for call in (
            lambda r=stranger: r.head("main"),
            lambda r=stranger: r.put("main", "a", b""),
            lambda r=stranger: r.ensure(),
        ):
            with pytest.raises(DataDenied, match="DEVMLOPS_DATA_OPS_ACCESS_KEY") as caught:
                call()
            assert SECRET not in str(caught.value) and key[1] not in str(caught.value)
    reader = DataRepository(settings(data_server.url, data_server.ops), f"c{uuid.uuid4().hex[:10]}-dev", "dev")
    with pytest.raises(DataDenied):
        reader.ensure()


def test_no_credential_is_told_before_anything_is_contacted() -> None:
    with pytest.raises(DataDenied, match="no credential for the ops data zone"):
        DataRepository(Settings(), "digits-ops", "ops")


def test_nobody_answers(free_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakefs, "CONNECT_TRIES", 1)
    url = f"http://user:{SECRET}@127.0.0.1:{free_port()}"
    repo = DataRepository(settings(url, ("key", SECRET)), "digits-dev", "dev")
    for call in (lambda: repo.ensure(), lambda: repo.put("main", "a", b"x"), lambda: repo.get("main", "a")):
        with pytest.raises(DataUnreachable, match=r"no answer.*DEVMLOPS_DATA_DEV_URL") as caught:
            call()
        assert SECRET not in str(caught.value) and not isinstance(caught.value, FinalError)


def test_somebody_else_answers(tmp_path: Path, free_port: Any) -> None:
    import http.server
    import threading

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", free_port()), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        repo = DataRepository(settings(f"http://127.0.0.1:{server.server_port}", ("k", "s")), "digits-dev", "dev")
        with pytest.raises(DataError, match="not lakeFS's API"):
            repo.head("main")
        with pytest.raises(DataError, match="digits-dev"):
            repo.put("main", "a", b"x")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.integration
def test_a_server_that_restarts_is_waited_for(own_data_server: Any) -> None:
    import threading

    repo = DataRepository(settings(own_data_server.url, own_data_server.dev), "digits-dev", "dev")
    repo.ensure()
    own_data_server.kill()
    timer = threading.Timer(1.0, own_data_server.start)
    timer.start()
    try:
        repo.branch("work")
        repo.put("work", "a", b"x")
        assert repo.get("work", "a") == b"x"
    finally:
        timer.join()


@pytest.mark.integration
def test_the_environment_of_lakectl_is_not_read(data_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "other")
    repo = DataRepository(settings(data_server.url, data_server.dev), f"c{uuid.uuid4().hex[:10]}-dev", "dev")
    repo.ensure()
    assert repo.head("main")
