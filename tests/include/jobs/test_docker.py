"""Jobs in containers of a real engine."""

from __future__ import annotations

import shutil
import threading
import time
from typing import Any

import pytest

from include.errors import FinalError
from include.jobs import (
    ImageMissing,
    JobFailed,
    JobKilled,
    JobLost,
    JobOutOfMemory,
    JobRefused,
    JobTimeout,
    JobUnplaced,
    NotHere,
    job,
)
from include.jobs import docker as module
from include.jobs.docker import DockerJob
from include.jobs.request import HOME
from include.jobs.run import docker_client
from include.projects import Project, load_project
from tests.fixtures.docker import IMAGE, box
from tests.fixtures.kubernetes import wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def start(docker_engine, settings, sample_jobs):
    """Return a function that makes a job in a container, and see that no container is left."""
    sample_jobs.chmod(0o755)
    before = there(docker_engine)

    def make(
        name: str, args: dict[str, Any] | None = None, key: str | None = None, project: Project | None = None, **changes: Any
    ) -> DockerJob:
        changes["references"] = {"samples": {"source": str(sample_jobs)}, **changes.get("references", {})}
        made = job(box(**changes), name, project or load_project("digits"), args or {}, settings, key=key)
        assert isinstance(made, DockerJob)
        return made

    yield make
    wait_for(lambda: there(docker_engine) <= before)


@pytest.fixture(autouse=True)
def readable(tmp_path):
    """Let nobody's processes, whom containers run as here, come through the folders of the test."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("test_", "pytest-")) or folder == tmp_path:
            folder.chmod(0o755)


def there(engine: Any) -> set[str]:
    # The client's own list asks for each container again, and fails where one went away meanwhile.
    return {one["Id"] for one in engine.api.containers(all=True)}


def in_background(made: DockerJob, lines: list[str]) -> tuple[threading.Thread, list[Any]]:
    ends: list[Any] = []

    def run() -> None:
        try:
            ends.append(made.run(lines.append))
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ends


def test_lines_come_while_it_runs_and_the_result_at_its_end(start):
    seen: list[tuple[str, float]] = []
    made = start("count", {"to": 3, "pause": 0.5})
    result = made.run(lambda line: seen.append((line, time.monotonic())))
    assert result == {"to": 3, "project": "digits", "home": HOME}
    assert [line for line, _ in seen][:3] == ["1 번째", "2 번째", "3 번째"] and len(seen) == 4
    assert seen[2][1] - seen[0][1] > 0.4


def test_the_container_may_do_little(start, docker_engine, settings):
    made = start("stubborn", memory="512Mi", cpu=0.5)
    lines: list[str] = []
    thread, _ = in_background(made, lines)
    wait_for(lambda: lines)
    found = docker_engine.containers.get(made.request.id).attrs
    host = found["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (512 * 2**20, 512 * 2**20, 500_000_000)
    assert host["ReadonlyRootfs"] and not host["Privileged"] and host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["PidsLimit"] == 4096
    assert not any(mount["RW"] for mount in found["Mounts"])
    assert found["Config"]["User"].split(":")[0] != "0"
    assert found["Config"]["Labels"]["devmlops.io/title"] == "Handwritten digits"
    assert "secret-password" not in " ".join(found["Config"]["Entrypoint"])
    made.kill()
    thread.join(30)


@pytest.mark.parametrize(
    ("name", "args", "changes", "error", "says"),
    [
        ("fail", {}, {}, JobFailed, "job fail failed: RuntimeError: the disk is full"),
        ("refuse", {}, {}, JobRefused, r"Refused: accuracy is 0\.5"),
        ("count", {"form": 1}, {}, JobRefused, "missing a required argument: 'to'"),
        ("eat", {"megabytes": 900}, {"memory": "200Mi"}, JobOutOfMemory, r"ran out of memory \(200Mi in the environment box\)"),
        ("stubborn", {}, {"timeout_minutes": 0.1}, JobTimeout, r"longer than the 0\.1 minutes of the environment box"),
        ("count", {"to": 1}, {"gpu": 1}, NotHere, "choose an environment with gpu: 0"),
        ("count", {"to": 1}, {"cpu": 4000}, NotHere, "lower cpu of the environment"),
        ("count", {"to": 1}, {"network": "nowhere"}, NotHere, "make that network"),
        ("count", {"to": 1}, {"references": {"gone": {"source": "/nowhere/at/all"}}}, NotHere, "correct the source"),
    ],
)
def test_ends_are_told_apart(start, name, args, changes, error, says):
    with pytest.raises(error, match=says) as failed:
        start(name, args, **changes).run(lambda line: None)
    assert type(failed.value) is error
    assert isinstance(failed.value, FinalError) == (error in (JobRefused, NotHere))


def test_an_image_that_cannot_be_had_is_named(start):
    with pytest.raises((ImageMissing, JobUnplaced), match="the image devmlops-test-nowhere:1 cannot be"):
        start("count", {"to": 1}, image="devmlops-test-nowhere:1").run(lambda line: None)


@pytest.mark.parametrize("said", ["manifest for x:1 not found: manifest unknown", "pull access denied for x"])
def test_a_name_that_the_registry_has_not_is_final(said):
    assert isinstance(module.image_problem("train", "x:1", said), ImageMissing)
    assert isinstance(module.image_problem("train", "x:1", "dial tcp: no route to host"), JobUnplaced)


def test_an_image_with_other_code_than_the_checkout_is_refused_before_any_work(start, tmp_path):
    shutil.copytree(load_project("digits").folder, tmp_path / "p" / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "p" / "digits" / "model.py").write_text("# 바뀐 코드\n", encoding="utf-8")
    lines: list[str] = []
    with pytest.raises(JobRefused, match=rf"the image {IMAGE} holds other code of project digits .*\(make image TAG=\.\.\."):
        start("count", {"to": 1}, project=load_project("digits", tmp_path / "p")).run(lines.append)
    assert not any("번째" in line for line in lines)


def test_killing_lets_it_clean_up_and_may_be_done_twice(start, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    references = {"shared": {"source": str(shared), "read_only": False}}
    made = start("sleep", {"note": "/references/shared/note"}, references=references)
    lines: list[str] = []
    thread, ends = in_background(made, lines)
    wait_for(lambda: lines)
    made.kill()
    made.kill()
    thread.join(30)
    assert isinstance(ends[0], JobKilled)
    assert (shared / "note").read_text() == "cleaned up"


def test_killed_before_it_began_starts_nothing(start):
    made = start("count", {"to": 1})
    made.kill()
    with pytest.raises(JobKilled):
        made.run(lambda line: None)


def test_killed_between_making_and_starting_leaves_nothing(start, monkeypatch):
    made = start("count", {"to": 1})
    create = made._create

    def then_kill(*args: Any) -> None:
        create(*args)
        made.killed = True

    monkeypatch.setattr(made, "_create", then_kill)
    with pytest.raises(JobKilled):
        made.run(lambda line: None)


def test_a_retry_goes_on_with_the_container_that_still_runs(start):
    """The first try dies without a word: its thread is left alone."""
    first: list[str] = []
    in_background(start("count", {"to": 10, "pause": 0.5}, key="k"), first)
    wait_for(lambda: first)
    lines: list[str] = []
    assert start("count", {"to": 10, "pause": 0.5}, key="k").run(lines.append)["to"] == 10
    assert lines[0].startswith("going on with the container digits-count-") and lines[1] == "1 번째"


def test_a_retry_takes_the_result_of_a_container_that_ended_meanwhile(start, docker_engine, monkeypatch):
    first = start("count", {"to": 1}, key="k")
    monkeypatch.setattr(first, "_remove", lambda grace: None)  # as where the task's process died
    first.run(lambda line: None)
    lines: list[str] = []
    assert start("count", {"to": 1}, key="k").run(lines.append)["to"] == 1
    assert lines[0].startswith("going on with")


def test_what_failed_or_was_asked_for_otherwise_is_begun_anew(start, monkeypatch):
    failed = start("fail", key="k")
    monkeypatch.setattr(failed, "_remove", lambda grace: None)
    with pytest.raises(JobFailed):
        failed.run(lambda line: None)
    lines: list[str] = []
    with pytest.raises(JobFailed):
        start("fail", key="k").run(lines.append)
    assert not any("going on" in line for line in lines)
    thread, _ = in_background(start("stubborn", key="k"), seen := [])
    wait_for(lambda: seen)
    other = start("stubborn", key="k", memory="700Mi")
    thread_2, _ = in_background(other, lines := [])
    wait_for(lambda: lines)
    assert lines == ["deaf"]
    other.kill()
    thread_2.join(30)
    thread.join(30)


def test_a_try_whose_container_was_replaced_leaves_the_new_one_alone(start, docker_engine, monkeypatch):
    """The old try looks again when its container's name belongs to another one."""
    old, newer = start("count", {"to": 600, "pause": 0.2}, key="same"), start("count", {"to": 30, "pause": 0.2}, key="same")
    name, old_lines, lines = newer.request.id, [], []
    assert old.request.id == name
    ends: list[Any] = []
    seen = threading.Event()

    def run_old() -> None:
        try:
            ends.append(old.run(old_lines.append))
        except JobFailed as gone:
            ends.append(gone)

    def see(line: str) -> None:
        lines.append(line)
        seen.set()

    first = threading.Thread(target=run_old, daemon=True)
    wait = module._lines

    def late(stream: Any) -> Any:
        yield from wait(stream)
        if threading.current_thread() is first:
            seen.wait(60)

    monkeypatch.setattr(module, "_lines", late)
    first.start()
    wait_for(lambda: len(old_lines) > 2)
    assert newer.run(see)["to"] == 30
    first.join(60)
    assert isinstance(ends[0], JobLost) and "removed" in str(ends[0])
    assert len(old_lines) < 600 and sum("번째" in line for line in lines) == 30


def test_two_retries_at_once_run_one_container(start, docker_engine):
    tries = [in_background(start("count", {"to": 6, "pause": 0.5}, key="k"), []) for _ in range(2)]
    wait_for(lambda: docker_engine.api.containers())
    assert len([one for one in docker_engine.api.containers() if one["Names"][0].startswith("/digits-count")]) == 1
    for thread, _ in tries:
        thread.join(60)
    ends = [ends[0] for _, ends in tries]
    assert any(isinstance(end, dict) for end in ends) and all(isinstance(end, dict | JobLost) for end in ends), ends


def test_an_engine_that_is_away_for_a_moment_is_waited_for(start):
    made = start("count", {"to": 8, "pause": 0.5})
    lines: list[str] = []
    cut: list[Any] = []

    class Cut:
        """The client whose log ends in the middle, as where the engine is restarted."""

        def __init__(self, client: Any) -> None:
            self.client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self.client, name)

        def logs(self, *args: Any, **kwargs: Any) -> Any:
            if cut:
                yield from self.client.logs(*args, **kwargs)
                return
            for number, chunk in enumerate(self.client.logs(*args, **kwargs)):
                if number == 2:
                    cut.append(1)
                    raise ConnectionResetError("the engine went away")
                yield chunk

    made._new_client = lambda: Cut(docker_client())
    assert made.run(lines.append)["to"] == 8
    assert cut and [line for line in lines if "번째" in line] == [f"{n} 번째" for n in range(1, 9)]


def test_an_engine_that_stays_away_leaves_the_container_to_the_next_try(start):
    made = start("count", {"to": 20, "pause": 0.5}, key="k")
    made.lost_after_s = 1
    lines: list[str] = []
    thread, ends = in_background(made, lines)
    wait_for(lambda: lines)

    def away() -> Any:
        raise ConnectionRefusedError("no engine")

    made._new_client = away
    # The log that flows goes on by the old connection; what comes next finds no engine.
    with pytest.raises(JobLost, match=r"the Docker engine does not answer \(no engine\); another try goes on with it"):
        made._reach(made._follow, None)
    assert start("count", {"to": 20, "pause": 0.5}, key="k").run([].append)["to"] == 20
    thread.join(30)
    assert isinstance(ends[0], dict | JobLost)


def test_a_line_longer_than_the_engine_keeps_in_one_piece_comes_whole(start):
    lines: list[str] = []
    assert start("long", {"characters": 90_000}).run(lines.append) == {"text": "가" * 15_000}
    assert "n" * 90_000 in lines
