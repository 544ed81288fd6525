"""Deployment and rollback against the real Triton and the real inference AP, with a caller that never stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from include.ledger import digest
from include.projects import load_project
from include.release import deployment
from include.release.after_switch import UnfinishedError
from include.release.engines import Engines
from include.release.errors import ReleaseError
from include.release.manifest import package_files
from tests.fixtures.inference import InferenceAP, write_tiny_package

pytestmark = pytest.mark.integration
PROJECT = load_project("digits")


class Real:
    """Releases whose answers tell which one gave them; only MLflow and the data server are left out."""

    def __init__(self, ap: InferenceAP) -> None:
        self.ap = ap
        self.promoted: list[str] = []
        self.engines = replace(
            Engines.of(ap.settings, PROJECT),
            manifest=lambda release_id: {"package": package_files(ap.settings, release_id)},
            promote=lambda version, by, why: self.promoted.append(version),
        )

    def release(self, label: int) -> str:
        ledger = self.ap.ledger
        opened = ledger.open_release("digits", f"deployment {label}", ["developer"], {"name": "digits", "version": str(label)})
        if not (self.ap.triton.repository / opened.id).exists():
            write_tiny_package(self.ap.triton.repository, opened.id, label)
        manifest = self.engines.manifest(opened.id)
        ledger.seal_release(opened.id, manifest)
        for step, by in (("approve_model", "kim"), ("approve_inference_code", "lee")):
            ledger.record_approval(opened.id, digest(manifest), step, "approved", by, "", {}, 1)
        return opened.id

    def deploy(self, release_id: str) -> dict[str, Any]:
        return deployment.deploy(self.ap.settings, PROJECT, release_id, "dev", "test", engines=self.engines)

    def rollback(self, key: str) -> dict[str, Any]:
        return deployment.rollback(self.ap.settings, PROJECT, "op", "test", key=key, engines=self.engines)

    @contextmanager
    def calling(self, answers: list[tuple[str, str]], failures: list[str]) -> Iterator[None]:
        """Call the AP without pause from two threads; note release id and label of every answer."""
        stop = threading.Event()

        def call() -> None:
            with self.ap.client() as client:
                while not stop.is_set():
                    try:
                        answer = client.infer("digits", [[[0] * 8] * 8])
                        answers.append((answer["release_id"], answer["predictions"][0]["label"]))
                    except Exception as error:
                        failures.append(str(error))

        callers = [threading.Thread(target=call) for _ in range(2)]
        for caller in callers:
            caller.start()
        try:
            yield
        finally:
            stop.set()
            for caller in callers:
                caller.join(20)


@pytest.fixture(scope="module")
def real(inference_ap: InferenceAP) -> Real:
    return Real(inference_ap)


def test_switch_and_rollback_under_load_fail_nothing_and_mix_nothing(real: Real) -> None:
    one, two = real.release(1), real.release(2)
    assert real.deploy(one)["changed"]
    answers: list[tuple[str, str]] = []
    failures: list[str] = []
    with real.calling(answers, failures):
        there = real.deploy(two)
        back = real.rollback("a")
        forward = real.rollback("b")
    assert not failures
    assert set(answers) == {(one, "1"), (two, "2")}  # never one release's id with the other's label
    assert (there["release_id"], back["release_id"], forward["release_id"]) == (two, one, two)
    assert max(there["switch_s"], back["switch_s"], forward["switch_s"]) < 1
    assert real.promoted == ["1", "2", "1", "2"]
    print(f"{len(answers)} answers; switch {there['switch_s']} s, rollback {back['switch_s']} s, steps {there['seconds']}")


def test_only_current_and_previous_stay_loaded(real: Real) -> None:
    three = real.release(3)
    real.deploy(three)
    loaded = {name for name, model in real.ap.models.index().items() if model["state"] == "READY"}
    assert loaded == {real.release(2), three}
    status = deployment.status(real.ap.settings, PROJECT, engines=real.engines)
    assert status["previous"] == real.release(2) and status["routes"][0]["release_id"] == three


def test_a_byte_changed_after_approval_is_refused_and_the_callers_notice_nothing(real: Real) -> None:
    route = real.ap.ledger.route("digits", "production")
    assert route is not None
    four = real.release(4)
    model = real.ap.triton.repository / four / "1" / "model.py"
    model.write_text(model.read_text().replace("0.9", "0.8"))
    with pytest.raises(ReleaseError, match=r"package/1/model\.py changed"):
        real.deploy(four)
    with real.ap.client() as client:
        assert client.infer("digits", [[[0] * 8] * 8])["release_id"] == route.release_id
    assert four not in {n for n, m in real.ap.models.index().items() if m["state"] == "READY"}


def test_a_model_that_cannot_be_loaded_or_answers_nonsense_goes_nowhere(real: Real) -> None:
    opened = real.ap.ledger.open_release("digits", "deployment 5", ["developer"], {"name": "digits", "version": "5"})
    write_tiny_package(real.ap.triton.repository, opened.id, 5)
    model = real.ap.triton.repository / opened.id / "1" / "model.py"
    model.write_text(model.read_text().replace("0.9", "0.7"))  # probabilities no longer add up to 1
    with pytest.raises(ReleaseError, match="smoke test: PROBABILITIES of a row add up"):
        real.deploy(real.release(5))
    opened = real.ap.ledger.open_release("digits", "deployment 6", ["developer"], {"name": "digits", "version": "6"})
    write_tiny_package(real.ap.triton.repository, opened.id, 6)
    (real.ap.triton.repository / opened.id / "1" / "model.py").write_text("this is no Python")
    with pytest.raises(RuntimeError, match="digits-r0006"):
        real.deploy(real.release(6))
    assert [e.action for e in real.ap.ledger.audit_entries(opened.id)][-1] == "deploy.failed"


def test_an_ap_that_was_killed_gets_the_release_when_it_is_back(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.release.after_switch.CONFIRM_S", 0.5)
    seven = real.release(7)
    real.ap.kill()
    with pytest.raises(UnfinishedError, match=r"wait for the inference AP: .*no answer"):
        real.deploy(seven)
    real.ap.start()
    with real.ap.client() as client:
        assert client.infer("digits", [[[0] * 8] * 8])["release_id"] == seven  # the ledger told it at its start
    assert not real.deploy(seven)["changed"]
    assert real.ap.ledger.verify_audit().ok


def test_a_triton_that_was_killed_is_filled_again_by_the_same_deployment(real: Real) -> None:
    route = real.ap.ledger.route("digits", "production")
    assert route is not None
    real.ap.triton.restart()
    assert not real.deploy(route.release_id)["changed"]
    with real.ap.client() as client:
        assert client.infer("digits", [[[0] * 8] * 8])["release_id"] == route.release_id
