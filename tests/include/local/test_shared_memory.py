from __future__ import annotations

import mmap
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.clients.triton import TritonClient
from include.local.shared_memory import FOLDER, PREFIX, sweep
from tests.fixtures.triton import TritonServer
from tests.include.clients.test_triton import write_model


def test_only_the_products_old_unmapped_regions_go() -> None:
    mine = f"{PREFIX}test{os.getpid()}"
    paths = {name: FOLDER / f"{mine}_{name}" for name in ("left", "mapped", "young")}
    other = FOLDER / f"other_{os.getpid()}"
    try:
        for path in (*paths.values(), other):
            path.write_bytes(bytes(4096))
            if path != paths["young"]:
                os.utime(path, (0, 0))
        with paths["mapped"].open("r+b") as file, mmap.mmap(file.fileno(), 4096):
            gone = [name for name in sweep() if name.startswith(mine)]
        assert gone == [paths["left"].name]
        assert not paths["left"].exists() and paths["mapped"].exists() and paths["young"].exists() and other.exists()
    finally:
        for path in (*paths.values(), other):
            path.unlink(missing_ok=True)


def test_no_such_folder_is_no_error(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == []


def regions() -> set[str]:
    return {path.name for path in FOLDER.glob(f"{PREFIX}*")}


@pytest.mark.integration
def test_memory_of_a_killed_server_is_freed_and_that_of_a_live_one_is_not(
    triton_server: Any, free_port: Any, tmp_path: Path
) -> None:
    killed = TritonServer(tmp_path, [free_port() for _ in range(3)])
    before = regions()
    killed.start()
    write_model(killed.repository, "doubler")
    write_model(triton_server.repository, "living")
    with TritonClient(killed.settings()) as client, TritonClient(triton_server.settings()) as other:
        client.load("doubler")
        left = regions() - before
        other.load("living")
        alive = regions() - before - left
        killed.kill(signal.SIGKILL)
        assert left and alive and left | alive <= regions()
        for name in left | alive:
            os.utime(FOLDER / name, (0, 0))
        assert left <= set(sweep()) and alive <= regions()
        one = np.ones((1, 3), np.float32)
        np.testing.assert_array_equal(other.infer("living", {"X": one})["Y"], one * 2)
        other.unload("living")
