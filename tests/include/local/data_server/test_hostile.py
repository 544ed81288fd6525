"""Requests that are wrong on purpose: always a 4xx that says so, never a 500, never something half-written."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration

WRONG_TYPES = b'{"message": 1, "name": 1, "id": [], "ref": {}, "type": 7, "src_path": 1, "set": 3, "paths": "x"}'


def objects(repository: Any) -> list[str]:
    return [o.path for o in repository.branch("main").objects()]


@pytest.mark.parametrize(
    "path", ["../x", "a/../b", "a/..", "./a", "a/.", "..", "", "a\x00b", "a\nb", "x" * 1025, "가" * 342, "\x7f"]
)
def test_bad_object_paths(repository: Any, http: Callable[..., Any], path: str) -> None:
    base = f"/repositories/{repository.id}"
    assert http("POST", f"{base}/branches/main/objects", params={"path": path}, content=b"1").status_code == 400
    assert http("GET", f"{base}/refs/main/objects", params={"path": path}).status_code == 400
    assert http("GET", f"{base}/refs/main/objects/stat", params={"path": path}).status_code == 400
    assert http("DELETE", f"{base}/branches/main/objects", params={"path": path}).status_code == 400
    copy = http("POST", f"{base}/branches/main/objects/copy", params={"dest_path": path}, json={"src_path": "a"})
    assert copy.status_code == 400 and copy.json()["message"]
    assert objects(repository) == []


def test_longest_path_and_odd_but_good_ones(repository: Any) -> None:
    good = ["x" * 1024, "가" * 341, "a//b", "/lead", "...", "..a/b..", "a b+c%20?&#", "😀/é", "trailing/"]
    for path in good:
        repository.branch("main").object(path).upload(path)
    assert objects(repository) == sorted(good)
    for path in good:
        assert repository.branch("main").object(path).reader("r").read() == path


@pytest.mark.parametrize("query", ["path=%ff%fe", "path=%ED%A0%80", "path=a&amount=x&presign=maybe", "path=" + "a" * 60_000])
def test_bad_query_strings(repository: Any, http: Callable[..., Any], query: str) -> None:
    answer = http("GET", f"/repositories/{repository.id}/refs/main/objects?{query}")
    assert 400 <= answer.status_code < 500 and answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (method, path, body)
        for method, path in [
            ("POST", "/repositories"), ("POST", "{r}/branches"), ("POST", "{r}/tags"), ("POST", "{r}/branches/main/commits"),
            ("PUT", "{r}/branches/main"), ("POST", "{r}/branches/main/revert"), ("POST", "{r}/branches/main/cherry-pick"),
            ("POST", "{r}/branches/main/objects/copy?dest_path=x"), ("PUT", "{r}/settings/branch_protection"),
            ("PUT", "{r}/branches/main/objects/stat/user_metadata?path=x"), ("POST", "{r}/branches/main/objects/delete"),
        ]
        for body in [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", WRONG_TYPES,
                     b'{"message": "\\ud800", "name": "\\ud800"}', b"[" * 100_000]
    ],
)  # fmt: skip
def test_bad_bodies(repository: Any, http: Callable[..., Any], method: str, path: str, body: bytes) -> None:
    answer = http(method, path.format(r=f"/repositories/{repository.id}"), content=body)
    assert answer.status_code in (400, 413) and answer.json()["message"]


def test_bad_commit_and_merge_fields(repository: Any, http: Callable[..., Any]) -> None:
    repository.branch("main").object("a").upload(b"1")
    base = f"/repositories/{repository.id}"
    for body in (
        {"message": "m", "metadata": {"a": 1}}, {"message": "m", "metadata": []}, {"message": "m", "date": "now"},
        {"message": "m", "date": 10**30}, {"message": "m", "date": -1}, {"message": "m", "allow_empty": "yes"},
        {"message": "x" * 70_000}, {"message": "m", "metadata": {"k": "v" * 40_000}}, {"metadata": {}},
    ):  # fmt: skip
        assert http("POST", f"{base}/branches/main/commits", json=body).status_code == 400
    for body in ({"strategy": 5}, {"metadata": 5}, {"message": 5}, {"squash_merge": 1}):
        assert http("POST", f"{base}/refs/main~0/merge/main", json=body).status_code == 400
    assert http("GET", f"{base}/refs/main/commits?since=yesterday").status_code == 400
    assert http("GET", f"{base}/refs/main/diff/main?type=four_dot").status_code == 400
    assert [c.message for c in repository.branch("main").log()] == ["Repository created"]


@pytest.mark.parametrize("name", ["x" * 5000, "%2e%2e", "a%00b", "%ff", "~", "@", "main~-1", "a'b\"c;--", "%F0%9F%98%80"])
def test_bad_reference_names(repository: Any, http: Callable[..., Any], name: str) -> None:
    base = f"/repositories/{repository.id}"
    for method, path in [
        ("GET", f"{base}/refs/{name}/objects/ls"), ("GET", f"{base}/commits/{name}"), ("GET", f"{base}/branches/{name}"),
        ("GET", f"{base}/tags/{name}"), ("DELETE", f"{base}/branches/{name}"), ("GET", f"{base}/refs/main/diff/{name}"),
        ("POST", f"{base}/refs/{name}/merge/main"), ("GET", f"/repositories/{name}"),
        ("POST", f"{base}/branches/{name}/objects?path=a"),
    ]:  # fmt: skip
        answer = http(method, path, content=b"{}" if method == "POST" else None)
        assert answer.status_code in (400, 404), (method, path[:100], answer.text[:200])
        assert len(answer.content) < 10_000


def test_broken_multipart_forms(repository: Any, http: Callable[..., Any]) -> None:
    address = f"/repositories/{repository.id}/branches/main/objects?path=form"
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="f"\r\n\r\n'
    kind = "multipart/form-data; boundary=b"
    for content_type, body in [
        ("multipart/form-data", part + b"data\r\n--b--\r\n"),
        (kind, b""),
        (kind, b"no form at all"),
        (kind, part + b"cut off"),
        (kind, part + b"data\r\n--b\r\n"),
        (kind, part + b"data\r\n--c--\r\n"),
        (kind, b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\ndata\r\n--b--\r\n'),
        (kind, b"--b\r\nContent-Disposition: form-data\r\n\r\ndata\r\n--b--\r\n"),
        (kind, part + b"one\r\n" + part + b"two\r\n--b--\r\n"),
        (kind, b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\ndata\r\n--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 500, part),
    ]:
        answer = http("POST", address, content=body, headers={"Content-Type": content_type})
        assert answer.status_code == 400 and answer.json()["message"], (content_type, body[:80], answer.text)
    assert objects(repository) == []
    assert http("POST", address, content=part + b"data\r\n--b--\r\n", headers={"Content-Type": kind}).status_code == 201
    assert repository.branch("main").object("form").reader("r").read() == "data"


def _raw(server: Any, request: bytes, *, finish: bool = True) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(request)
        if not finish:
            return b""
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
        return answer


def test_missing_and_lying_lengths(data_server: Any, repository: Any) -> None:
    token = base64.b64encode(":".join(data_server.admin).encode()).decode()
    start = (
        f"POST /api/v1/repositories/{repository.id}/branches/main/objects?path=a HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: Basic {token}\r\n"
    ).encode()
    assert b" 411 " in _raw(data_server, start + b"\r\n")
    for headers in (b"Content-Length: -5\r\n\r\n", b"Content-Length: many\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
        assert b" 40" in (_raw(data_server, start + headers) or b" 400 ")
    assert b" 413 " in _raw(data_server, start + b"Content-Length: 999999999999999\r\n\r\n")
    assert b" 400 " in _raw(data_server, start.replace(b"path=a", b"path=" + b"a" * 70_000) + b"Content-Length: 0\r\n\r\n")
    _raw(data_server, start + b"Content-Length: 100\r\n\r\nonly this", finish=False)
    assert b" 400 " in _raw(data_server, start.replace(b"path=a", b"path=" + b"a" * 70_000) + b"Content-Length: 0\r\n\r\n")
    _raw(data_server, start + b"Content-Length: 10000000\r\n\r\n" + b"x" * 1_000_000, finish=False)
    _raw(data_server, start + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", finish=False)
    assert objects(repository) == []
    data_server.restart()
    assert objects(repository) == []
    assert list((data_server.root / "data" / "incoming").iterdir()) == []


def test_unknown_addresses_and_methods(http: Callable[..., Any], repository: Any) -> None:
    assert http("GET", "/nonsense").status_code == 404
    assert http("GET", "/../../etc/passwd").status_code == 404
    assert http("PATCH", f"/repositories/{repository.id}").status_code == 405
    for method, path in [("GET", "/auth/users"), ("GET", f"/repositories/{repository.id}/pulls"),
                         ("PUT", f"/repositories/{repository.id}/branches/main/objects?path=x"),
                         ("GET", f"/repositories/{repository.id}/actions/runs")]:  # fmt: skip
        answer = http(method, path)
        assert answer.status_code == 501 and "embedded" in answer.json()["message"]
    assert http("POST", f"/repositories/{repository.id}/branches/main/commits", content=b"x" * 5_000_000).status_code == 413


def test_the_server_log_stays_clean(data_server: Any) -> None:
    assert "Traceback" not in data_server.log()
    assert "secret-of" not in data_server.log()
