"""SIGKILL at any moment: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_kill_during_commits_and_merges(own_data_server: Any) -> None:
    import lakefs

    server = own_data_server
    repository = lakefs.repository("crash-dev", client=server.client()).create("local://crash-dev")
    main = repository.branch("main")
    rng = random.Random(3)
    merged: list[int] = []
    uploaded: set[str] = set()
    number = 0
    for _ in range(6):
        stop = threading.Event()

        def write(first: int, stop: threading.Event = stop) -> None:
            run = first
            try:
                while not stop.is_set():
                    branch = repository.branch(f"run-{run}").create("main")
                    for part in range(4):
                        size = 50_000 if part == 0 else 10
                        path = f"run/{run:04}/{part}"
                        branch.object(path).upload(f"{run}-{part}-" + "x" * size, pre_sign=False)
                        uploaded.add(f"{branch.id}:{path}")
                    branch.commit(f"commit {run}")
                    branch.merge_into("main", message=f"merge {run}")
                    merged.append(run)
                    run += 1
            except Exception:
                stop.set()  # the server is gone; which answer was lost does not matter

        writer = threading.Thread(target=write, args=(number,))
        writer.start()
        time.sleep(rng.uniform(0.2, 0.9))
        server.kill()
        stop.set()
        writer.join(30)
        server.start()
        number += 1000
        content = {o.path: o for o in main.objects()}
        runs = sorted({path.split("/")[1] for path in content})
        for run in runs:
            parts = [main.object(f"run/{run}/{part}").reader("r").read() for part in range(4)]
            assert [text.split("x")[0] for text in parts] == [f"{int(run)}-{part}-" for part in range(4)]
        assert len(content) == 4 * len(runs)
        assert set(merged) <= {int(run) for run in runs}
        assert [c.type for c in main.uncommitted()] == []
    for name in uploaded:
        branch, path = name.split(":")
        assert repository.branch(branch).object(path).exists()
    messages = [c.message for c in main.log()]
    assert {f"merge {run}" for run in merged} <= set(messages) and len(messages) == len(set(messages))
    assert len(merged) > 6
    main.object("after").upload("still works")
    main.commit("after")


def test_acknowledged_uploads_survive_kill(own_data_server: Any) -> None:
    import lakefs

    server = own_data_server
    repository = lakefs.repository("staged-dev", client=server.client()).create("local://staged-dev")
    branch = repository.branch("main")
    data = {f"o/{i}": bytes([i]) * (i * 3000) for i in range(40)}
    for path, content in data.items():
        branch.object(path).upload(content)
    server.kill()
    server.start()
    assert {o.path: branch.object(o.path).reader("rb").read() for o in branch.objects()} == data
    branch.commit("kept")
    server.kill()
    server.start()
    assert {o.path: branch.object(o.path).reader("rb").read() for o in repository.ref("main@").objects()} == data


def test_second_server_on_the_same_folder_is_refused(own_data_server: Any, free_port: Any) -> None:
    import subprocess
    import sys

    command = [
        sys.executable,
        "-m",
        "include.local.data_server",
        "--port",
        str(free_port()),
        "--keys",
        str(own_data_server.keys_file),
    ]
    done = subprocess.run([*command, "--root", str(own_data_server.root / "data")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "in use by another data server" in done.stderr


def test_garbage_collection(own_data_server: Any) -> None:
    import lakefs

    from include.local.data_server.__main__ import main as run
    from include.local.data_server.gc import collect
    from include.local.data_server.store import InUseError

    server = own_data_server
    repository = lakefs.repository("gc-dev", client=server.client()).create("local://gc-dev")
    main = repository.branch("main")
    main.object("kept/big").upload(b"k" * 100_000)
    main.object("kept/small").upload(b"k")
    main.commit("kept")
    repository.tag("v1").create("main")
    main.object("staged").upload(b"s" * 70_000)
    side = repository.branch("side").create("main")
    side.object("gone/big").upload(b"g" * 100_000)
    side.object("gone/small").upload(b"g")
    side.commit("gone")
    side.delete()
    gone = lakefs.repository("gone-dev", client=server.client()).create("local://gone-dev")
    gone.branch("main").object("x").upload(b"x" * 90_000)
    gone.branch("main").commit("x")
    gone.delete()
    data = server.root / "data"
    with pytest.raises(InUseError):
        collect(data)
    server.stop()
    done = collect(data)
    assert (done.commits, done.small_objects, done.files, done.file_bytes) == (1, 1, 2, 190_000)
    assert collect(data) == (0, 0, 0, 0, 0)
    assert run(["gc", "--root", str(data)]) == 0
    assert run(["gc", "--root", str(server.root / "nothing")]) == 2
    server.start()
    assert {o.path: main.object(o.path).reader("rb").read() for o in main.objects()} == {
        "kept/big": b"k" * 100_000, "kept/small": b"k", "staged": b"s" * 70_000,
    }  # fmt: skip
    assert [c.message for c in repository.tag("v1").log()] == ["kept", "Repository created"]
