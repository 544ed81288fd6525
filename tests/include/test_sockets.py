from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from include import sockets
from include.sockets import MAX_PATH, is_own, socket_path


def test_the_socket_of_a_long_home_lies_in_the_temporary_folder() -> None:
    short, long = Path("/srv/.devmlops"), Path("/srv/" + "긴이름" * 20)
    assert socket_path(short, "a.sock") == short / "run" / "a.sock"
    assert len(os.fsencode(socket_path(long, "a.sock"))) <= MAX_PATH
    assert len({socket_path(long, "a.sock"), socket_path(long / "other", "a.sock"), socket_path(long, "b.sock")}) == 3


def test_a_process_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        assert is_own(one)
        monkeypatch.setattr(sockets.os, "getuid", lambda: os.geteuid() + 1)
        assert not is_own(one)
