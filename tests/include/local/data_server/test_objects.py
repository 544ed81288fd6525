"""Objects through the official SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_upload_and_download_small_and_large(repository: Any) -> None:
    branch = repository.branch("main")
    for size in (0, 1, 32 * 1024, 32 * 1024 + 1, 3_000_000):
        data = bytes(range(256)) * (size // 256 + 1)
        data = data[:size]
        stored = branch.object(f"o/{size}").upload(data)
        assert stored.stat().size_bytes == size
        assert branch.object(f"o/{size}").reader("rb").read() == data


def test_text_metadata_and_korean_path(repository: Any) -> None:
    path = "데이터/라벨링 1.json"
    repository.branch("main").object(path).upload(
        '{"값": 1}', mode="w", content_type="application/json", metadata={"state": "raw"}
    )
    found = repository.branch("main").object(path)
    assert found.reader("r").read() == '{"값": 1}'
    stat = found.stat()
    assert (stat.path, stat.content_type, stat.metadata) == (path, "application/json", {"state": "raw"})
    assert [o.path for o in repository.branch("main").objects(prefix="데이터/")] == [path]
    sdk = repository._client.sdk_client.objects_api
    import lakefs_sdk

    sdk.update_object_user_metadata(repository.id, "main", path, lakefs_sdk.UpdateObjectUserMetadata(set={"상태": "정제"}))
    assert sdk.stat_object(repository.id, "main", path).metadata == {"상태": "정제"}


def test_multipart_upload_of_the_generated_client(repository: Any, tmp_path: Any) -> None:
    sdk = repository._client.sdk_client.objects_api
    file = tmp_path / "file.bin"
    file.write_bytes(b"--boundary\r\n" * 10_000)
    assert sdk.upload_object(repository.id, "main", "from/file", content=str(file)).size_bytes == 120_000
    assert sdk.upload_object(repository.id, "main", "from/bytes", content=b"abc").size_bytes == 3
    assert bytes(sdk.get_object(repository.id, "main", "from/file")) == file.read_bytes()
    assert bytes(sdk.get_object(repository.id, "main", "from/bytes")) == b"abc"


@pytest.mark.parametrize("size", [1000, 200_000])
def test_ranges(repository: Any, http: Callable[..., Any], size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    repository.branch("main").object("o").upload(data)
    reader = repository.branch("main").object("o").reader("rb")
    assert reader.read(10) == data[:10] and reader.read(5) == data[10:15]
    reader.seek(size - 3)
    assert reader.read(100) == data[-3:] and reader.read() == b""
    address = f"/repositories/{repository.id}/refs/main/objects?path=o"
    for wanted, first, last in [("bytes=0-0", 0, 0), ("bytes=5-", 5, size - 1), ("bytes=-7", size - 7, size - 1)]:
        answer = http("GET", address, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, data[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        head = http("HEAD", address, headers={"Range": wanted})
        assert (head.status_code, head.headers["content-length"]) == (206, str(last - first + 1))
    for wanted in (
        f"bytes={size}-",
        "bytes=5-2",
        "bytes=-0",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "lines=1-2",
        "bytes=" + "9" * 30 + "-",
    ):
        answer = http("GET", address, headers={"Range": wanted})
        assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{size}" and answer.json()["message"]


def test_reading_past_an_empty_object(repository: Any) -> None:
    repository.branch("main").object("empty").upload(b"")
    reader = repository.branch("main").object("empty").reader("rb")
    assert reader.read(10) == b""


def test_exclusive_and_conditional_upload(repository: Any, http: Callable[..., Any]) -> None:
    from lakefs.exceptions import ObjectExistsException

    branch = repository.branch("main")
    branch.object("a").upload(b"1", mode="xb")
    with pytest.raises(ObjectExistsException):
        branch.object("a").upload(b"2", mode="xb")
    address = f"/repositories/{repository.id}/branches/main/objects?path=a"
    assert http("POST", address, content=b"2", headers={"If-None-Match": "*"}).status_code == 412
    assert http("POST", address, content=b"2", headers={"If-None-Match": "abc"}).status_code == 400
    assert http("POST", address, content=b"2", headers={"If-Match": "0" * 32}).status_code == 412
    checksum = branch.object("a").stat().checksum
    assert http("POST", address, content=b"2", headers={"If-Match": f'"{checksum}"'}).status_code == 201
    read = f"/repositories/{repository.id}/refs/main/objects?path=a"
    etag = http("GET", read).headers["etag"]
    assert http("GET", read, headers={"If-None-Match": etag}).status_code == 304


def test_delete_copy_and_exists(repository: Any) -> None:
    branch = repository.branch("main")
    for name in "abcde":
        branch.object(name).upload(name)
    branch.commit("five")
    branch.object("a").delete()
    branch.object("never").delete()
    branch.delete_objects(["b", "c", "nothing"])
    assert [o.path for o in branch.objects()] == ["d", "e"]
    assert not branch.object("a").exists() and branch.object("d").exists()
    assert repository.ref("main@").object("a").exists()
    branch.object("d").copy("main", "copied/d")
    assert branch.object("copied/d").reader("r").read() == "d"
    assert [(c.type, c.path) for c in branch.uncommitted()] == [
        ("removed", "a"), ("removed", "b"), ("removed", "c"), ("added", "copied/d"),
    ]  # fmt: skip
    with pytest.raises(Exception, match="404"):
        branch.object("nothing").copy("main", "x")


def test_deleting_many_reports_bad_paths_and_refuses_too_many(repository: Any, http: Callable[..., Any]) -> None:
    repository.branch("main").object("a").upload(b"1")
    address = f"/repositories/{repository.id}/branches/main/objects/delete"
    answer = http("POST", address, json={"paths": ["a", "../b", ""]})
    assert answer.status_code == 200 and [e["path"] for e in answer.json()["errors"]] == ["../b", ""]
    assert not repository.branch("main").object("a").exists()
    assert http("POST", address, json={"paths": ["x"] * 1001}).status_code == 400


def test_missing_things_are_not_found(repository: Any) -> None:
    import lakefs
    from lakefs.exceptions import NotFoundException, ObjectNotFoundException

    with pytest.raises(ObjectNotFoundException):
        repository.branch("main").object("no").reader("rb").read()
    with pytest.raises(ObjectNotFoundException):
        repository.branch("main").object("no").stat()
    with pytest.raises(NotFoundException):
        repository.branch("no").object("a").upload(b"1")
    with pytest.raises(NotFoundException):
        list(lakefs.repository("no-such-repository", client=repository._client).branches())


def test_presigned_addresses_are_refused(repository: Any, http: Callable[..., Any]) -> None:
    repository.branch("main").object("a").upload(b"1")
    base = f"/repositories/{repository.id}"
    for path in ("refs/main/objects?path=a", "refs/main/objects/stat?path=a", "refs/main/objects/ls?x=1"):
        answer = http("GET", f"{base}/{path}&presign=true")
        assert answer.status_code == 400 and "presigned" in answer.json()["message"]
    assert http("GET", f"{base}/branches/main/staging/backing?path=a&presign=true").status_code == 501
    assert http("POST", f"{base}/branches/main/import", json={}).status_code == 501
    assert repository._client.storage_config.pre_sign_support is False
