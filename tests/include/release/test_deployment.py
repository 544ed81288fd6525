"""Deployment and rollback with engines that answer as the real ones do, and die wherever a test wants."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.ledger import Ledger, LedgerError, LedgerRefusal
from include.ledger.engine import engine
from include.projects import Project, load_project
from include.release import deployment
from include.release.after_switch import UnfinishedError
from include.release.approval import ApprovalError
from include.release.digest import tree
from include.release.engines import Engines
from include.release.errors import ReleaseError
from include.settings import Settings


class Killed(BaseException):
    """The process ends here: no handler of the product sees it."""


class Watched:
    """Counts every call of an engine and may kill the process before or after one of them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.kill_before = self.kill_after = 0

    def wrap(self, target: Any, name: str) -> Any:
        if callable(target) and not hasattr(target, "watched"):
            return self._function(target, name)
        world = self

        class Proxy:
            def __getattr__(self, method: str) -> Any:
                return world._function(getattr(target, method), f"{name}.{method}")

        return Proxy()

    def _function(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            number = len(self.calls)
            if number == self.kill_before:
                raise Killed(name)
            result = function(*args, **kwargs)
            if number == self.kill_after:
                raise Killed(name)
            return result

        return call


class Triton:
    watched = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.loaded = folder, set[str]()
        self.answer: Callable[[np.ndarray], dict[str, np.ndarray]] = good_answer
        self.on_load: Callable[[], None] = lambda: None

    def load(self, name: str) -> None:
        assert (self.folder / name).is_dir()
        self.on_load()
        self.loaded.add(name)

    def unload(self, name: str) -> None:
        self.loaded.discard(name)

    def index(self) -> dict[str, dict[str, str]]:
        return {p.name: {"state": "READY" if p.name in self.loaded else ""} for p in self.folder.iterdir()}

    def infer(self, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert name in self.loaded
        return self.answer(inputs["INPUT"])


def good_answer(rows: np.ndarray) -> dict[str, np.ndarray]:
    powers = np.exp(rows.reshape(len(rows), -1)[:, :10] / 16)
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"PROBABILITIES": probabilities, "LABEL": probabilities.argmax(axis=1).astype(np.int32)[:, None]}


class Inference:
    watched = True

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.answers, self.down = ledger, dict[str, str](), False

    def refresh(self) -> None:
        if self.down:
            raise ConnectionError("no answer from the inference AP")
        self.answers = {route.name: route.release_id for route in self.ledger.routes()}

    def wait_for_release(self, project: str, route: str, release_id: str, timeout_s: float) -> None:
        if self.answers.get(route) != release_id:
            raise TimeoutError(f"the AP answers with {self.answers.get(route)}")


class World:
    """Releases of digits, their packages, and the engines around them."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.project: Project = load_project("digits")
        self.ledger, self.folder = ledger, folder
        self.settings = Settings(ledger_url=ledger.url, model_repository=folder)
        self.triton, self.inference = Triton(folder), Inference(ledger)
        self.models: dict[str, str] = {}  # version -> digest of its weights, as MLflow has them
        self.production: list[str] = []
        self.mlflow_down = False

    def manifest(self, release_id: str) -> dict[str, Any]:
        version = self.ledger.release(release_id).model["version"]
        return {"package": tree(self.folder / release_id), "model": {"version": version, "weights": self.models[version]}}

    def promote(self, version: str, by: str, why: str) -> None:
        if self.mlflow_down:
            raise RuntimeError("MLflow does not answer")
        self.production.append(version)

    def engines(self, watched: Watched | None = None) -> Engines:
        wrap = watched.wrap if watched else lambda target, name: target
        return Engines(
            wrap(self.ledger, "ledger"),
            wrap(self.triton, "triton"),
            wrap(self.inference, "inference"),
            wrap(self.manifest, "manifest"),
            wrap(lambda release_id: tree(self.folder / release_id), "package"),
            wrap(self.promote, "promote"),
        )

    def release(self, number: int, approved: bool = True) -> str:
        self.models[str(number)] = f"weights {number}"
        opened = self.ledger.open_release("digits", f"run {number}", ["developer"], {"version": str(number)})
        package = self.folder / opened.id / "1"
        package.mkdir(parents=True)
        (package / "model.onnx").write_bytes(b"onnx" + bytes([number]))
        (package.parent / "config.pbtxt").write_text(opened.id)
        self.ledger.seal_release(opened.id, self.manifest(opened.id))
        if approved:
            self.approve(opened.id)
        return opened.id

    def approve(self, release_id: str, first: str = "kim", second: str = "lee", hours: float = 1) -> None:
        digest = self.ledger.release(release_id).digest or ""
        for step, by in (("approve_model", first), ("approve_inference_code", second)):
            self.ledger.record_approval(release_id, digest, step, "approved", by, "ok", {"n": by}, hours)

    def deploy(self, release_id: str, watched: Watched | None = None) -> dict[str, Any]:
        return deployment.deploy(self.settings, self.project, release_id, "dev", "run x", engines=self.engines(watched))

    def rollback(self, watched: Watched | None = None, **options: Any) -> dict[str, Any]:
        return deployment.rollback(self.settings, self.project, "op", "해롭다", engines=self.engines(watched), **options)

    def live(self) -> str | None:
        route = self.ledger.route("digits", "production")
        return route.release_id if route else None

    def last(self) -> tuple[str, dict[str, Any]]:
        entry = self.ledger.audit_entries(limit=1)[0]
        return entry.action, entry.details


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    (tmp_path / "models").mkdir()
    return World(ledger, tmp_path / "models")


def test_an_approved_release_goes_live(world: World) -> None:
    one, two = world.release(1), world.release(2)
    first, second = world.deploy(one), world.deploy(two)
    assert (first["previous"], second["previous"]) == (None, one)
    assert second["release_id"] == world.live() == world.inference.answers["production"] == two
    assert second["changed"] and second["switch_s"] < 5 and second["smoke"]["rows"] == 16
    assert world.production == ["1", "2"]
    assert world.triton.loaded == {one, two}
    assert [a.used_by for a in world.ledger.approvals(two)] == [2, 2]
    assert world.last()[0] == "deployment.finished"
    assert world.ledger.verify_audit().ok


def test_what_is_live_already_is_left_alone(world: World) -> None:
    one = world.release(1)
    first = world.deploy(one)
    again = world.deploy(one)
    assert (again["changed"], again["deployment_id"]) == (False, first["deployment_id"])
    assert len(world.ledger.deployments("digits")) == 1


def test_current_and_previous_stay_loaded_and_a_draft_is_not_touched(world: World) -> None:
    ids = [world.release(n) for n in (1, 2, 3, 4)]
    draft, refused, staged = world.release(5, approved=False), world.release(6, approved=False), world.release(7, approved=False)
    world.ledger.refuse_release(refused, "kim", "no")
    world.ledger.switch("digits", "staging", staged, "staging", None, "test")
    world.triton.loaded |= {draft, refused, staged}
    for release_id in ids:
        world.deploy(release_id)
    assert world.triton.loaded == {ids[2], ids[3], draft, staged}
    world.rollback(to=ids[0])
    assert world.triton.loaded == {ids[0], ids[3], draft, staged}


# What stops a deployment before the switch


def change_a_byte(world: World, release_id: str) -> None:
    (world.folder / release_id / "1" / "model.onnx").write_bytes(b"onnx\xff")


def add_a_file(world: World, release_id: str) -> None:
    (world.folder / release_id / "1" / "extra.py").write_text("x")


def remove_a_file(world: World, release_id: str) -> None:
    (world.folder / release_id / "config.pbtxt").unlink()


def change_the_model(world: World, release_id: str) -> None:
    world.models["2"] = "other weights"


def change_while_loading(world: World, release_id: str) -> None:
    world.triton.on_load = lambda: change_a_byte(world, release_id)


def alter_the_ledgers_manifest(world: World, release_id: str) -> None:
    sql(world, f"UPDATE releases SET manifest='{{}}' WHERE id='{release_id}'")


def alter_an_old_approval(world: World, release_id: str) -> None:
    sql(world, "UPDATE approvals SET by='park' WHERE id=1")


def alter_the_chain(world: World, release_id: str) -> None:
    sql(world, "UPDATE audit SET actor='someone' WHERE seq=2")


def refuse(world: World, release_id: str) -> None:
    digest = world.ledger.release(release_id).digest or ""
    world.ledger.record_approval(release_id, digest, "approve_model", "refused", "park", "too slow", {}, 1)


def answer_wrong(answer: dict[str, Any]) -> Callable[[World, str], None]:
    def change(world: World, _: str) -> None:
        world.triton.answer = lambda rows: good_answer(rows) | {k: v(rows) for k, v in answer.items()}

    return change


def answer_by_batch(world: World, _: str) -> None:
    world.triton.answer = lambda rows: good_answer(rows + len(rows) * np.arange(64).reshape(8, 8))


def sql(world: World, statement: str) -> None:
    connection = sqlite3.connect(world.ledger.url.removeprefix("sqlite:///"))
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (change_a_byte, "package/1/model.onnx changed"),
        (add_a_file, "package/1/extra.py was added"),
        (remove_a_file, "package/config.pbtxt is gone"),
        (change_the_model, "model/weights changed: sealed as weights 2, now other weights"),
        (change_while_loading, "package/1/model.onnx changed"),
        (alter_the_ledgers_manifest, "its manifest in the ledger was altered"),
        (alter_an_old_approval, "the ledger cannot be trusted"),
        (alter_the_chain, "the ledger cannot be trusted, entry 2"),
        (refuse, "approve_model was refused by park: too slow"),
        (answer_wrong({"PROBABILITIES": lambda rows: np.full((len(rows), 10), rows.flat[0], np.float32)}), "add up to 1"),
        (answer_wrong({"PROBABILITIES": lambda rows: np.full((len(rows), 10), np.nan, np.float32)}), "not finite"),
        (answer_wrong({"PROBABILITIES": lambda rows: np.zeros((len(rows), 9), np.float32)}), r"shape \(8, 9\), wanted \(8, 10\)"),
        (answer_wrong({"LABEL": lambda rows: np.full((len(rows), 1), 3, np.int32)}), "not the class of the largest"),
        (answer_by_batch, "a row alone gets another answer"),
    ],
)
def test_nothing_is_switched_and_the_attempt_is_kept(world: World, harm: Callable[[World, str], None], says: str) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    harm(world, two)
    with pytest.raises(ReleaseError, match=says):
        world.deploy(two)
    assert world.live() == one == world.inference.answers["production"]
    assert [a.used_by for a in world.ledger.approvals(two)][:2] == [None, None]
    assert world.production == ["1"]
    action, details = world.last()
    assert action == "deploy.failed" and details["why"] and details["step"]


@pytest.mark.parametrize(
    ("approvals", "says"),
    [
        ({}, "nobody has approved"),
        ({"first": "kim", "second": "kim"}, "needs another person"),
        ({"first": "kim", "second": "developer"}, "developer is an author"),
        ({"hours": 0}, "ran out"),
    ],
)
def test_approvals_that_are_not_enough(world: World, approvals: dict[str, Any], says: str) -> None:
    one = world.release(1, approved=False)
    if approvals:
        world.approve(one, **approvals)
    with pytest.raises(ApprovalError, match=says):
        world.deploy(one)
    assert world.live() is None and not world.triton.loaded
    assert world.last()[1]["step"] == "check the approvals"


def test_approvals_of_one_release_are_worth_nothing_for_another(world: World) -> None:
    one, two = world.release(1), world.release(2, approved=False)
    digest = world.ledger.release(one).digest or ""
    for step, by in (("approve_model", "kim"), ("approve_inference_code", "lee")):
        world.ledger.record_approval(two, digest, step, "approved", by, "", {}, 1)
    with pytest.raises(ApprovalError, match=r"1 answer\(s\) are about another digest"):
        world.deploy(two)


def test_a_deploy_task_cleared_after_a_rollback_is_refused(world: World) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    world.deploy(two)
    world.rollback()
    with pytest.raises(ApprovalError, match=r"used by deployment 2, and counts once: roll back .* or start a new release run"):
        world.deploy(two)
    assert world.live() == one
    world.approve(two, "choi", "park")
    assert world.deploy(two)["changed"]


def test_an_older_release_never_overtakes_a_newer_one(world: World) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(two)
    with pytest.raises(ReleaseError, match=f"{two}, which is newer, is in production"):
        world.deploy(one)
    assert world.live() == two


@pytest.mark.parametrize("state", ["draft", "foreign", "unknown"])
def test_a_release_that_cannot_be_deployed(world: World, state: str) -> None:
    if state == "unknown":
        with pytest.raises(LedgerRefusal, match="no release"):
            world.deploy("digits-r0009")
        return
    project = "digits" if state == "draft" else "other"
    opened = world.ledger.open_release(project, "x", [], {"version": "1"})
    with pytest.raises(ReleaseError, match="seal it first" if state == "draft" else "belongs to project other"):
        world.deploy(opened.id)


def test_an_engine_that_fails_before_the_switch(world: World) -> None:
    one = world.release(1)

    def fail() -> None:
        raise RuntimeError("Triton is down")

    world.triton.on_load = fail
    with pytest.raises(RuntimeError, match="Triton is down"):
        world.deploy(one)
    assert world.live() is None and world.last()[1]["step"] == "load"
    world.triton.on_load = lambda: None
    assert world.deploy(one)["changed"]


@pytest.mark.parametrize("broken", ["inference", "mlflow"])
def test_what_does_not_follow_the_switch_is_said_and_finished_later(world: World, broken: str) -> None:
    one = world.release(1)
    world.inference.down, world.mlflow_down = broken == "inference", broken == "mlflow"
    with pytest.raises(UnfinishedError, match=r"digits-r0001 is in production since .* Run the same again"):
        world.deploy(one)
    assert world.live() == one and world.last()[0] == "deployment.unfinished"
    world.inference.down = world.mlflow_down = False
    assert not world.deploy(one)["changed"]
    assert world.inference.answers["production"] == one and world.production[-1] == "1"
    assert world.last()[0] == "deployment.finished"


# Killed anywhere, run again


def finished_state(world: World) -> tuple[Any, ...]:
    deployments = world.ledger.deployments("digits")
    used = {a.id: a.used_by for release in world.ledger.releases("digits") for a in world.ledger.approvals(release.id)}
    return world.live(), world.inference.answers, len(deployments), used, world.production[-1], sorted(world.triton.loaded)


@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
@pytest.mark.parametrize("what", ["deploy", "rollback"])
def test_killed_at_any_call_and_run_again(tmp_path: Path, what: str, moment: str) -> None:
    def fresh(number: int) -> World:
        shutil.copytree(tmp_path / "template", tmp_path / f"{number}")
        world = World(Ledger(f"sqlite:///{tmp_path}/{number}/ledger.db"), tmp_path / f"{number}" / "models")
        world.models, world.production = dict(template.models), list(template.production)
        world.triton.loaded, world.inference.answers = set(template.triton.loaded), dict(template.inference.answers)
        return world

    ledger = Ledger(f"sqlite:///{tmp_path}/template/ledger.db")
    ledger.migrate()
    (tmp_path / "template" / "models").mkdir()
    template = World(ledger, tmp_path / "template" / "models")
    for release_id in [template.release(n) for n in (1, 2, 3)][:2]:
        template.deploy(release_id)
    engine(ledger.url).dispose()

    def act(world: World, watched: Watched | None = None) -> dict[str, Any]:
        return world.deploy("digits-r0003", watched) if what == "deploy" else world.rollback(watched, key="run 9")

    plain, watched = fresh(0), Watched()
    act(plain, watched)
    wanted = finished_state(plain)
    assert len(watched.calls) > 25 and "ledger.switch" in watched.calls
    switch = watched.calls.index("ledger.switch") + 1
    calls = [n for n, name in enumerate(watched.calls, 1) if name != "triton.infer" or n % 10 == 0]
    for number in calls:
        world, dying = fresh(number), Watched()
        before = finished_state(world)
        setattr(dying, moment, number)
        with pytest.raises(Killed):
            act(world, dying)
        switched = number > switch or (number == switch and moment == "kill_after")
        assert world.live() == (wanted if switched else before)[0], dying.calls[-1]
        act(world)
        act(world)
        assert finished_state(world) == wanted, f"killed {moment} {dying.calls[-1]}"
        assert world.ledger.verify_audit().ok


# Rollback


def test_back_and_forward_again(world: World) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    world.deploy(two)
    back = world.rollback()
    assert (back["release_id"], back["previous"], back["changed"]) == (one, two, True)
    assert world.inference.answers["production"] == one and world.production[-1] == "1"
    forward = world.rollback()
    assert (forward["release_id"], forward["previous"]) == (two, one)
    assert [d.kind for d in world.ledger.deployments("digits")] == ["deploy", "deploy", "rollback", "rollback"]
    assert world.ledger.verify_audit().ok


def test_a_retry_with_the_same_key_does_not_go_forward_again(world: World) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    world.deploy(two)
    world.mlflow_down = True
    with pytest.raises(UnfinishedError):
        world.rollback(key="run 7")
    world.mlflow_down = False
    again = world.rollback(key="run 7")
    assert (again["release_id"], again["changed"]) == (one, False)
    assert world.live() == one and world.production[-1] == "1"
    assert world.rollback(key="run 8")["release_id"] == two


def test_a_rollback_needs_neither_mlflow_nor_data_to_switch(world: World) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    world.deploy(two)
    world.mlflow_down = True
    world.models.clear()
    with pytest.raises(UnfinishedError, match="tell MLflow"):
        world.rollback()
    assert world.live() == one == world.inference.answers["production"]


def test_what_cannot_be_rolled_back_to(world: World) -> None:
    with pytest.raises(ReleaseError, match="no release before"):
        world.rollback()
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    with pytest.raises(ReleaseError, match="no release before"):
        world.rollback()
    with pytest.raises(ReleaseError, match="never was in production"):
        world.rollback(to=two)
    world.deploy(two)
    change_a_byte(world, one)
    world.triton.on_load = lambda: pytest.fail("changed bytes were loaded")
    with pytest.raises(ReleaseError, match=r"package/1/model\.onnx changed"):
        world.rollback()
    assert world.live() == two
    action, details = world.last()
    assert action == "rollback.failed" and details["reason"] == "해롭다"


def test_status_shows_what_is_live_even_when_triton_is_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = world.release(1), world.release(2)
    world.deploy(one)
    world.deploy(two)
    found = deployment.status(world.settings, world.project, engines=world.engines())
    assert (found["routes"][0]["release_id"], found["previous"]) == (two, one)
    assert found["loaded"] == {one: "READY", two: "READY"} and len(found["deployments"]) == 2

    def down() -> None:
        raise RuntimeError("no answer")

    monkeypatch.setattr(world.triton, "index", down)
    assert deployment.status(world.settings, world.project, engines=world.engines())["loaded"] == {"error": "no answer"}


def test_a_ledger_that_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    world.ledger = Ledger(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(LedgerError, match="migrate"):
        world.deploy("digits-r0001")
