"""Every request to the data server is a line of its access log."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.local.data_server.access_log import CLAIMED, KEY, AccessLog
from include.local.data_server.keys import Key


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.integration
def test_who_asked_for_what(own_data_server: Any) -> None:
    server = own_data_server
    url = f"{server.url}/api/v1"
    body = {"name": "a-ops", "storage_namespace": "local://a-ops"}
    assert httpx.post(f"{url}/repositories", json=body, auth=server.ops).status_code == 201
    path = {"path": "이름 😀.txt"}
    assert httpx.post(f"{url}/repositories/a-ops/branches/main/objects", params=path, content=b"body", auth=server.ops).is_success
    assert httpx.get(f"{url}/repositories/a-ops/refs/main/objects", params=path, auth=server.ops).content == b"body"
    assert httpx.get(f"{url}/repositories/a-ops/refs/main/objects", params=path, auth=server.dev).status_code == 403
    assert httpx.get(f"{url}/repositories/a-ops", auth=("key-ops", "wrong-secret")).status_code == 401
    assert httpx.get(f"{url}/repositories/a-ops", auth=("secret-of-ops", "key-ops")).status_code == 401
    assert httpx.get(f"{url}/repositories/a-ops").status_code == 401
    assert httpx.get(f"{url}/nowhere", auth=server.dev).status_code == 404
    assert httpx.get(f"{server.url}/_health").status_code == 204
    file = server.root / "data" / "access.log"
    found = lines(file)
    assert [(one["key"], one["user"], one["method"], one["status"]) for one in found] == [
        ("key-ops", "ops", "POST", 201), ("key-ops", "ops", "POST", 201), ("key-ops", "ops", "GET", 200),
        ("key-dev", "dev", "GET", 403), (None, None, "GET", 401), (None, None, "GET", 401), (None, None, "GET", 401),
        ("key-dev", "dev", "GET", 404),
    ]  # fmt: skip
    assert [one.get("claimed") for one in found[4:7]] == ["key-ops", None, None]
    assert found[3]["address"].startswith("/api/v1/repositories/a-ops/refs/main/objects?path=") and found[3]["ms"] >= 0
    text = file.read_text(encoding="utf-8")
    assert "secret" not in text and "wrong" not in text and "body" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    server.kill()  # what was answered stands in the log, however the process ended
    assert len(lines(file)) == 8
    server.start()
    httpx.get(f"{url}/repositories", auth=server.dev)
    assert len(lines(file)) == 9


def request(path: str = "/x") -> Any:
    class Fake:
        scope = {"method": "GET", "path": path, "query_string": b"a=%ff", KEY: Key("k", "user", ()), CLAIMED: "k"}  # noqa: RUF012

    return Fake()


def test_it_rotates(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log", max_bytes=1000, kept=2)
    for number in range(100):
        log.note(request(f"/{number}"), 200, 0)
    log.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["access.log", "access.log.1", "access.log.2"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert lines(tmp_path / "access.log")[-1]["address"] == "/99?a=%ff"
    assert all("claimed" not in one for one in lines(tmp_path / "access.log"))


def test_a_full_disk_stops_no_answer(tmp_path: Path, caplog: Any) -> None:
    log = AccessLog(tmp_path / "access.log")
    log._file = Path("/dev/full").open("ab", buffering=0)
    log.note(request(), 200, 0)
    log.note(request(), 200, 0)
    assert caplog.text.count("No space left") == 1


def test_a_long_address_is_cut(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    log.note(request("/" + "긴" * 10_000 + "\n\x00"), 200, 0)
    log.close()
    assert len(lines(tmp_path / "access.log")) == 1 and len(lines(tmp_path / "access.log")[0]["address"]) == 4000
