"""A platform's life with its two lightest services: up, killed in every way, healed, down."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from include.local.errors import PlatformError
from include.local.places import MARK
from include.local.platform import Platform
from include.local.processes import marked
from tests.fixtures.platform import new_platform, remove

pytestmark = pytest.mark.integration

LIGHT = ("data-server", "inference-ap")


@pytest.fixture
def light() -> Iterator[Platform]:
    made = new_platform()
    yield made
    remove(made)


def pids(platform: Platform) -> dict[str, int]:
    return {name: program.pid for name, program in platform.supervisor.programs().items() if program.is_up}


def is_healthy(platform: Platform) -> bool:
    return all(platform.status()[name][1] is None for name in LIGHT)


def test_up_again_changes_nothing_and_down_leaves_nothing(light: Platform) -> None:
    light.up(LIGHT)
    before, ports = pids(light), dict(light.ports)
    assert set(before) == set(LIGHT)
    again = Platform(light.places.home)
    begin = time.monotonic()
    again.up(LIGHT)
    assert time.monotonic() - begin < 5
    assert pids(light) == before
    assert again.down() == 0
    assert marked(light.places.home) == []
    assert Platform(light.places.home).ports == ports
    with pytest.raises(httpx.ConnectError):
        httpx.get(light.settings.inference_url)
    assert again.down() == 0


def test_a_killed_service_comes_back_by_itself(light: Platform) -> None:
    light.up(LIGHT)
    before = pids(light)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while not (is_healthy(light) and not set(pids(light).values()) & set(before.values())):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_after_the_supervisor_was_killed_up_takes_over_and_down_still_finds_all(light: Platform) -> None:
    light.up(LIGHT)
    orphans, ports = pids(light), dict(light.ports)
    supervisor = int((light.places.run / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    again = Platform(light.places.home)
    again.up(LIGHT)
    assert not set(pids(again).values()) & set(orphans.values())
    assert again.ports == ports
    os.kill(int((light.places.run / "supervisord.pid").read_text()), signal.SIGKILL)
    assert Platform(light.places.home).down() == 2
    assert marked(light.places.home) == []


def test_a_service_that_hangs_is_started_anew(light: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    light.up(LIGHT)
    before = pids(light)
    time.sleep(2)
    os.kill(before["inference-ap"], signal.SIGSTOP)
    monkeypatch.setattr("include.local.start.STUCK_S", 1.0)
    light.up(LIGHT)
    assert pids(light)["data-server"] == before["data-server"]
    assert pids(light)["inference-ap"] != before["inference-ap"]


def test_down_ends_what_nobody_started_through_the_supervisor(light: Platform) -> None:
    light.up(("data-server",))
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
    job = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, MARK: str(light.places.home)}, start_new_session=True)
    bystander = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(0.5)
    assert light.down() == 1
    assert job.poll() is not None
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_two_ups_at_once_are_one_platform(light: Platform) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: Platform(light.places.home).up(LIGHT), range(3)))
    assert is_healthy(light)
    assert len([p for p in marked(light.places.home) if "supervisord" in " ".join(p.cmdline())]) == 1


def test_a_taken_port_is_gone_round(light: Platform) -> None:
    taken = light.ports["data"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        again = Platform(light.places.home)
        again.up(("data-server",))
        assert again.ports["data"] != taken
        assert {n: p for n, p in again.ports.items() if n != "data"} == {n: p for n, p in light.ports.items() if n != "data"}


def test_a_service_that_cannot_start_is_named_with_the_end_of_its_log(light: Platform) -> None:
    broken = replace(
        light.services["data-server"], launch=lambda: ([sys.executable, "-c", "raise SystemExit('the disk is full')"], {})
    )
    light.services["data-server"] = broken
    light._take_over = lambda: light.supervisor.start(light.services, dict(os.environ))  # type: ignore[method-assign]
    with pytest.raises(PlatformError) as error:
        light.up(("data-server",))
    assert "data-server ends again and again" in str(error.value)
    assert "the disk is full" in str(error.value)


def test_what_is_late_is_named_with_what_it_waits_for(light: Platform) -> None:
    with pytest.raises(PlatformError, match=r"(?s)not healthy after 0 s.*inference-ap: waits for"):
        light.up(LIGHT, timeout_s=0)
    light.up(LIGHT)


def test_an_unknown_service_is_refused(light: Platform) -> None:
    with pytest.raises(PlatformError, match="no service redis; there are: api-server"):
        light.up(("redis",))


def test_clean_removes_everything_of_a_platform_and_nothing_else(light: Platform, tmp_path: Path) -> None:
    light.up(("data-server",))
    light.clean()
    assert not light.places.home.exists()
    assert marked(light.places.home) == []
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(PlatformError, match="not the home folder of a platform"):
        Platform(tmp_path).clean()
    assert (tmp_path / "letters.txt").exists()
