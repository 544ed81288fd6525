from __future__ import annotations

import configparser
from pathlib import Path

from include.local.places import Places
from include.local.supervisor import Supervisor, configuration, socket_path, tail
from include.sockets import MAX_PATH


def parsed(home: Path, *names: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(Places(home), names))
    return parser


def test_every_service_is_kept_alive_and_its_log_turned_over(tmp_path: Path) -> None:
    parser = parsed(tmp_path, "one", "two")
    for name in ("one", "two"):
        program = parser[f"program:{name}"]
        assert program["autorestart"] == program["stopasgroup"] == program["killasgroup"] == "true"
        assert program["stdout_logfile"] == str(tmp_path / "logs" / f"{name}.log")
        assert program["stdout_logfile_maxbytes"] == "10MB"


def test_odd_paths_are_quoted(tmp_path: Path) -> None:
    command = parsed(tmp_path / "a b%c", "one")["program:one"]["command"]
    assert command.endswith(f"'{tmp_path}/a b%%c/run/one.json'")


def test_a_long_home_gets_a_short_socket(tmp_path: Path) -> None:
    long = Places(tmp_path / ("x" * MAX_PATH))
    assert len(str(socket_path(long))) <= MAX_PATH
    assert socket_path(long) != socket_path(Places(long.home / "y"))
    assert socket_path(Places(Path("/x"))) == Path("/x/run/supervisor.sock")


def test_a_platform_that_is_down_has_no_programs(tmp_path: Path) -> None:
    supervisor = Supervisor(Places(tmp_path))
    assert not supervisor.is_alive()
    assert supervisor.programs() == {}
    assert not supervisor.is_current(["one"])
    supervisor.shutdown()


def test_the_end_of_a_log(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    assert tail(file) == ""
    file.write_bytes("\n".join(f"줄 {i}" for i in range(20_000)).encode() + b"\xff")
    assert tail(file, 2).startswith("줄 19998\n줄 19999")
