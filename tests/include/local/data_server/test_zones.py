"""No operation, and no way around the operations, brings ops data to the dev key or dev a write by the ops key."""

from __future__ import annotations

import base64
import http.client
from pathlib import Path
from typing import Any

import pytest

from include.local.data_server.app import API, OPERATIONS
from include.local.data_server.keys import Keys
from include.local.places import Places
from include.local.secrets import Secrets
from include.local.services import data_keys_file, write_data_keys

VALUES = {"branch": "main", "ref": "main", "commit": "main", "left": "main", "right": "main", "source": "main", "tag": "v1"}
DEV = "/repositories/zones-dev"
WITH_REPOSITORY = [one for one in OPERATIONS if "{repository}" in one.path]


@pytest.fixture(scope="module")
def zones(data_server: Any) -> None:
    import lakefs

    for zone in ("dev", "ops"):
        client = data_server.client(getattr(data_server, zone))
        repository = lakefs.repository(f"zones-{zone}", client=client).create(f"local://zones-{zone}", exist_ok=True)
        repository.branch("main").object("secret").upload(f"content of {zone}")
        repository.branch("main").commit("message of " + zone, allow_empty=True)
        repository.tag("v1").create("main", exist_ok=True)


def send(server: Any, key: tuple[str, str], method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request whose path is sent as it stands: no client cleans it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    token = base64.b64encode(":".join(key).encode()).decode()
    connection.request(method, path, body, {"Authorization": f"Basic {token}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def address(operation: Any, repository: str) -> str:
    return API + operation.path.format(**VALUES, repository=repository) + "?path=secret&prefix="


@pytest.mark.integration
@pytest.mark.parametrize("operation", WITH_REPOSITORY, ids=lambda one: f"{one.method} {one.path}")
def test_every_operation_is_closed(data_server: Any, zones: None, operation: Any) -> None:
    status, body = send(data_server, data_server.dev, operation.method, address(operation, "zones-ops"), b"{}")
    assert status == 403 and b"content of ops" not in body and b"message of ops" not in body
    status, _ = send(data_server, data_server.ops, operation.method, address(operation, "zones-dev"), b"{}")
    assert (status == 403) == (operation.access == "write"), status


@pytest.mark.integration
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/repositories/zones-ops/branches/main/objects?path=secret", b"x"),
        ("POST", "/repositories", b'{"name":"new-ops","storage_namespace":"local://new-ops"}'),
        ("GET", "/repositories/zones-dev/../zones-ops/refs/main/objects?path=secret", b""),
        ("GET", "/repositories/zones-dev/%2e%2e/zones-ops/refs/main/objects?path=secret", b""),
        ("GET", "/repositories/zones-dev%2F..%2Fzones-ops/refs/main/objects?path=secret", b""),
        ("GET", "/repositories/zones-ops%00-dev/refs/main/objects?path=secret", b""),
        ("GET", "/repositories//zones-ops/refs/main/objects?path=secret", b""),
        ("GET", "/repositories/zones-dev/refs/zones-ops%2Fmain/objects?path=secret", b""),
        ("GET", "/repositories/zones-dev/refs/main/objects?path=../zones-ops/secret", b""),
        ("GET", "/repositories/zones-dev/refs/main/diff/zones-ops", b""),
        ("POST", "/repositories/zones-dev/refs/zones-ops/merge/main", b"{}"),
        ("POST", "/repositories/zones-dev/refs/lakefs:%2F%2Fzones-ops%2Fmain/merge/main", b"{}"),
        (
            "POST",
            "/repositories/zones-dev/branches/main/objects/copy?dest_path=x",
            b'{"src_path":"secret","src_ref":"zones-ops"}',
        ),
        ("POST", "/repositories/zones-dev/tags", b'{"id":"t","ref":"zones-ops"}'),
        ("GET", "/repositories/zones-ops/branches/main/staging/backing?path=secret&presign=true", b""),
        ("PUT", "/repositories/zones-dev/branches/main/objects?path=y", b'{"physical_address":"local://zones-ops/secret"}'),
        ("POST", "/repositories/zones-dev/branches/main/import", b'{"paths":[{"path":"local://zones-ops/"}]}'),
        ("GET", "/../../zones-ops/main/secret", b""),
    ],
)
def test_no_way_around(data_server: Any, zones: None, method: str, path: str, body: bytes) -> None:
    status, said = send(data_server, data_server.dev, method, API + path, body)
    assert status >= 400 and b"content of ops" not in said and b"message of ops" not in said


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/zones-ops/main/secret", "/zones-ops?list-type=2", "/", "/zones-ops?location"])
def test_nothing_answers_as_s3(data_server: Any, zones: None, path: str) -> None:
    for key in (data_server.dev, ("nobody", "x")):
        status, said = send(data_server, key, "GET", path)
        assert status in (401, 404) and b"content of ops" not in said


@pytest.mark.integration
def test_the_same_content_is_no_door(data_server: Any, zones: None) -> None:
    """Equal bytes are kept once; a dev object of an ops content tells nothing but what dev has sent."""
    import lakefs

    dev = lakefs.repository("zones-dev", client=data_server.client(data_server.dev))
    stats = dev.branch("main").object("guess").upload("content of ops").stat()
    assert "zones-ops" not in stats.physical_address
    sha = stats.physical_address.rsplit("/", 1)[1]
    for path in (
        f"/repositories/zones-dev/refs/main/objects?path={sha}",
        f"/repositories/zones-dev/refs/{sha}/objects?path=secret",
    ):
        assert send(data_server, data_server.dev, "GET", API + path)[0] == 404


def test_the_keys_that_the_platform_writes(tmp_path: Path) -> None:
    places, secrets = Places(tmp_path), Secrets()
    write_data_keys(places, secrets)
    keys = Keys(data_keys_file(places))

    def of(name: str) -> Any:
        pair = secrets.data[name]
        return keys.authenticate("Basic " + base64.b64encode(f"{pair['access_key']}:{pair['secret_key']}".encode()).decode())

    def may(name: str) -> list[bool]:
        return [of(name).may(f"x-{zone}", write=write) for zone in ("dev", "ops") for write in (False, True)]

    assert may("dev") == [True, True, False, False]
    assert may("ops") == [True, False, True, True]
    assert may("admin") == [True] * 4
    assert not of("dev").may("x-dev-ops", write=False) and not of("dev").may("dev", write=False)
