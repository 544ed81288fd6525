import fcntl
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from include.clients import ray as module
from include.clients.ray import RayError, local_cluster
from include.settings import Settings


@pytest.fixture
def short(tmp_path_factory):
    import tempfile

    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as place:
        yield Path(place)


def test_the_folder_lies_under_home_where_its_path_is_short(short, tmp_path):
    folder, lock = module._folder(Settings(home=short))
    os.close(lock)
    assert folder.parent == short / "ray"
    folder, lock = module._folder(Settings(home=tmp_path / ("long" * 12)))
    os.close(lock)
    assert folder.name.startswith("devmlops-ray-") and len(str(folder)) <= module.LONGEST_FOLDER
    module.shutil.rmtree(folder)


def test_where_no_path_is_short_it_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_FOLDER", 3)
    with pytest.raises(RayError, match="set TMPDIR"):
        module._folder(Settings(home=tmp_path))


def test_folders_of_dead_processes_are_swept_and_those_in_use_are_not(short):
    for name in ("dead", "used", "young"):
        (short / name).mkdir()
        (short / name / "lock").touch()
    for name in ("dead", "used"):
        os.utime(short / name, (1, 1))
    with (short / "used" / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        module._sweep(short, "")
    assert sorted(p.name for p in short.iterdir()) == ["used", "young"]


@pytest.fixture
def services(monkeypatch):
    """Stands for `ray._private.services`: what imports Ray itself would fix how all later tests of this process log in."""
    made, private = ModuleType("ray._private.services"), ModuleType("ray._private")
    private.services = made
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray._private", private)
    monkeypatch.setitem(sys.modules, "ray._private.services", made)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return made


def test_a_node_that_takes_long_to_come_up_is_waited_for(services, monkeypatch):
    """Ray itself would give up on it after 30 s."""

    def ask(address, node_id):
        asked.append((address, node_id))
        if len(asked) < 4:
            raise RuntimeError("no node info yet")
        return {"node_id": node_id}

    asked, services.get_node = [], ask
    monkeypatch.setattr(module, "node_lives", lambda: True)
    with module._patient():
        assert services.get_node("gcs", "n1") == {"node_id": "n1"} and len(asked) == 4
    assert services.get_node is ask
    asked.clear()
    monkeypatch.setattr(module, "START_S", -1.0)
    with module._patient(), pytest.raises(RuntimeError, match="no node info yet"):
        services.get_node("gcs", "n1")
    assert len(asked) == 1 and services.get_node is ask


def test_a_node_that_died_is_not_waited_for(services):
    def ask():
        raise RuntimeError("no node info yet")

    services.get_node = ask
    assert not module.node_lives()  # this process has started none
    with module._patient(), pytest.raises(RuntimeError, match="no node info yet"):
        services.get_node()


def test_what_a_node_said_before_it_died_is_kept(short):
    logs = short / "t" / "session_latest" / "logs"
    assert module._said(short) == ""
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text("[a I 1] starts\n[b C 2] Check failed: status.ok() 시간\n*** StackTrace\n", encoding="utf-8")
    assert module._said(short) == "; raylet: [b C 2] Check failed: status.ok() 시간"


@pytest.mark.integration
def test_workers_find_the_product_and_nothing_is_left(short):
    before, had_token = dict(os.environ), (Path.home() / ".ray" / "auth_token").exists()
    with local_cluster(Settings(home=short), 1) as folder:
        import ray

        @ray.remote
        def look() -> str:
            from include.projects.digits.model import build

            return f"{build.__module__} {os.environ.get('DEVMLOPS_SOURCE_URL', '-')}"

        assert ray.get(look.remote()) == "include.projects.digits.model -"
        assert folder.is_relative_to(short)
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert not ray.is_initialized()
    changed = {name for name, value in os.environ.items() if before.get(name) != value}
    assert changed <= {"PYTHONBREAKPOINT", "RAY_CLIENT_MODE"}  # Ray's own, harmless
    assert list((short / "ray").iterdir()) == []
    assert (Path.home() / ".ray" / "auth_token").exists() == had_token
