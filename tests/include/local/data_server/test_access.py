"""What each access key may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.local.data_server.errors import ApiError
from include.local.data_server.keys import Keys, KeysError


@pytest.fixture(scope="module")
def zones(data_server: Any) -> dict[str, Any]:
    import lakefs

    zones = {}
    for zone in ("dev", "ops"):
        client = data_server.client(getattr(data_server, zone))
        repository = lakefs.repository(f"access-{zone}", client=client).create(f"local://access-{zone}", exist_ok=True)
        repository.branch("main").object("secret").upload(zone)
        repository.branch("main").commit("first", allow_empty=True)
        zones[zone] = repository
    return zones


@pytest.mark.integration
def test_each_zone_sees_what_it_may(data_server: Any, zones: dict[str, Any]) -> None:
    import lakefs

    dev, ops = data_server.client(data_server.dev), data_server.client(data_server.ops)
    assert {r.id for r in lakefs.repositories(client=dev) if r.id.startswith("access")} == {"access-dev"}
    assert {r.id for r in lakefs.repositories(client=ops) if r.id.startswith("access")} == {"access-dev", "access-ops"}
    assert lakefs.repository("access-dev", client=ops).branch("main").object("secret").reader("r").read() == "dev"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/branches"), ("GET", "/refs/main/objects?path=secret"), ("HEAD", "/refs/main/objects?path=secret"),
        ("GET", "/refs/main/objects/ls"), ("GET", "/refs/main/commits"), ("GET", "/refs/main/diff/main"), ("GET", "/tags"),
        ("POST", "/branches/main/objects?path=x"), ("POST", "/branches/main/commits"), ("DELETE", ""), ("GET", "/metadata"),
        ("POST", "/refs/main/merge/main"), ("GET", "/branches/main/diff"), ("GET", "/commits/main"),
    ],
)  # fmt: skip
def test_dev_cannot_touch_ops(data_server: Any, zones: dict[str, Any], http: Callable[..., Any], method: str, path: str) -> None:
    for repository in ("access-ops", "never-made-ops"):
        content = b"{}" if method == "POST" else None
        assert http(method, f"/repositories/{repository}{path}", auth=data_server.dev, content=content).status_code == 403


@pytest.mark.integration
def test_ops_can_read_but_not_write_dev(data_server: Any, zones: dict[str, Any]) -> None:
    import lakefs
    from lakefs.exceptions import ForbiddenException

    repository = lakefs.repository("access-dev", client=data_server.client(data_server.ops))
    with pytest.raises(ForbiddenException):
        repository.branch("main").object("x").upload(b"1")
    with pytest.raises(ForbiddenException):
        repository.branch("main").object("x").upload(b"1" * 2_000_000)
    with pytest.raises(ForbiddenException):
        repository.branch("new").create("main")
    with pytest.raises(ForbiddenException):
        repository.tag("v1").create("main")
    with pytest.raises(ForbiddenException):
        lakefs.repository("other-dev", client=repository._client).create("local://other-dev")


@pytest.mark.integration
@pytest.mark.parametrize(
    "auth", [None, ("key-dev", "wrong"), ("nobody", ""), ("nobody", "secret-of-dev"), ("", ""), ("키", "비밀")]
)
def test_strangers_are_refused(http: Callable[..., Any], auth: Any) -> None:
    for method, path in [
        ("GET", "/config"),
        ("GET", "/repositories"),
        ("POST", "/repositories/access-dev/branches/main/objects"),
    ]:
        answer = http(method, path, auth=auth)
        assert answer.status_code == 401 and answer.json()["message"] and "www-authenticate" in answer.headers


@pytest.mark.integration
def test_malformed_authorization_is_refused(http: Callable[..., Any]) -> None:
    for value in ("Basic", "Basic ====", "Basic !!!", "Bearer abc", "Basic a2V5LWRldg==", "basic /w=="):
        assert http("GET", "/config", auth=None, headers={"Authorization": value}).status_code == 401


@pytest.mark.integration
def test_health_needs_no_key(data_server: Any, http: Callable[..., Any]) -> None:
    assert http("GET", "/healthcheck", auth=None).status_code == 204
    assert http("GET", data_server.url + "/_health", auth=None).status_code == 204


def test_secrets_are_in_no_message(tmp_path: Path) -> None:
    good = {"access_key_id": "k", "secret_access_key": "s3cret", "grants": [{"repositories": "*", "actions": "read"}]}
    file = tmp_path / "keys.json"

    def load(text: str, mode: int = 0o600) -> Keys:
        file.write_text(text)
        file.chmod(mode)
        return Keys(file)

    keys = load(json.dumps({"keys": [good]}))
    assert keys.authenticate("Basic azpzM2NyZXQ=").may("x", write=False)
    assert not keys.authenticate("Basic azpzM2NyZXQ=").may("x", write=True)
    with pytest.raises(ApiError) as refused:
        keys.authenticate("Basic azp3cm9uZw==")
    assert refused.value.status == 401
    with pytest.raises(KeysError, match="chmod 600"):
        load(json.dumps({"keys": [good]}), 0o644)
    for bad in (
        "{", "[]", '{"keys": 1}', json.dumps({"keys": [{**good, "grants": [{"repositories": "*", "actions": "all"}]}]}),
        json.dumps({"keys": [{**good, "secret_access_key": ""}]}), json.dumps({"keys": [{"access_key_id": "k"}]}),
    ):  # fmt: skip
        with pytest.raises(KeysError) as caught:
            load(bad)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(KeysError):
        Keys(tmp_path / "missing.json")
