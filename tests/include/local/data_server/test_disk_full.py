"""No room on the disk: an error that says so, nothing half-written, and work goes on once there is room."""

from __future__ import annotations

import resource
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_full_disk(own_data_server: Any) -> None:
    import lakefs
    from lakefs.exceptions import ServerException

    server = own_data_server
    repository = lakefs.repository("full-dev", client=server.client()).create("local://full-dev")
    branch = repository.branch("main")
    branch.object("before").upload(b"b" * 100_000)
    head = branch.commit("before").id
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (500_000, hard))
    kept = {"before"}
    with pytest.raises(ServerException) as caught:
        branch.object("large").upload(b"x" * 3_000_000)
    assert caught.value.status_code == 507 and "cannot write the object" in caught.value.body["message"]
    with pytest.raises(ServerException) as caught:
        for i in range(200):
            branch.object(f"small/{i}").upload(bytes([i]) * 20_000)
            kept.add(f"small/{i}")
    assert caught.value.status_code in (503, 507)
    assert {o.path for o in branch.objects()} == kept
    assert not list((server.root / "data" / "incoming").iterdir())
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    branch.object("large").upload(b"x" * 3_000_000)
    branch.commit("after")
    assert {o.path for o in branch.objects()} == kept | {"large"}
    assert [c.message for c in branch.log()][:2] == ["after", "before"]
    assert repository.ref(head).object("before").reader("rb").read() == b"b" * 100_000
