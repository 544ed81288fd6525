"""The whole loop on the whole platform, small: what `make demo` runs, then refusals, then kills in the middle.

The tests build on one another in the order of this file: one platform, one history.
"""

from __future__ import annotations

import json
import re
import signal
import time
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from include.clients.airflow import AirflowClient, AirflowError
from include.ledger import Ledger
from include.local.demo.loop import Loop
from include.local.demo.show import SKELETON, Show
from include.local.services import FORK_SERVER
from include.local.supervisor import log_path
from include.projects.digits.source import scan_rows
from tests.fixtures.platform import RunningPlatform

pytestmark = [pytest.mark.loop, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def users(loop_platform: RunningPlatform) -> dict[str, AirflowClient]:
    return {n: AirflowClient(loop_platform.airflow_url, n, p) for n, p in loop_platform.passwords.items()}


@pytest.fixture(scope="module")
def ledger(loop_platform: RunningPlatform) -> Ledger:
    return Ledger(loop_platform.settings.ledger())


def infer(platform: RunningPlatform) -> httpx.Response:
    image = np.frombuffer(scan_rows(slice(1600, 1601))[0]["pixels"], dtype=np.uint8).reshape(8, 8)
    url = f"{platform.settings.inference_url}/v1/projects/digits/infer"
    return httpx.post(url, json={"input": image.tolist()}, timeout=30)


def live(ledger: Ledger) -> str:
    route = ledger.route("digits", "production")
    assert route
    return route.release_id


def finish(user: AirflowClient, dag_id: str, run_id: str, timeout_s: float = 300) -> dict[str, str]:
    """Follow a run to its end; return the states of its tasks and, under "", its own."""
    *_, run = user.follow(dag_id, run_id, timeout_s)
    return {"": run["state"], **{t["task_id"]: t["state"] for t in user.tasks(dag_id, run_id)}}


def said_by_failed(user: AirflowClient, dag_id: str, run_id: str) -> str:
    """Return the ends of the logs of the tasks that failed."""
    tries = {t["task_id"]: t["try_number"] for t in user.tasks(dag_id, run_id) if t["state"] == "failed"}
    return "\n".join(f"{task}: {user.log(dag_id, run_id, task, tries[task])[-3000:]}" for task in tries)


def wait_for_question(user: AirflowClient, run_id: str, task_id: str, timeout_s: float = 240) -> dict[str, Any]:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if user.run("digits.release", run_id)["state"] == "failed":
            break
        for question in user.questions("digits.release", run_id):
            if question["task_instance"]["task_id"] == task_id:
                return question
        time.sleep(0.5)
    raise AssertionError(f"{task_id} was not asked: {[(t['task_id'], t['state']) for t in user.tasks('digits.release', run_id)]}")


IN_THE_LOOP = {
    "CollectRoundOperator",
    "CheckRoundOperator",
    "MergeRoundOperator",
    "TagVersionOperator",
    "MakeSplitOperator",
    "ChooseSplitOperator",
    "TuneOperator",
    "TrainOperator",
    "EvaluateOperator",
    "RegisterModelOperator",
    "ConfirmModelOperator",
    "OpenReleaseOperator",
    "OptimiseOperator",
    "StaticChecksOperator",
    "PackageOperator",
    "ParityOperator",
    "StagingTestOperator",
    "SealReleaseOperator",
    "ApprovalStepOperator",
    "DeployOperator",
    "DriftSensor",
    "RaiseAlertOperator",
    "DriftReportOperator",
    "TruthsSensor",
    "CollectOperatingRoundOperator",
    "MakeBundleOperator",
    "FourWayOperator",
    "CloseAlertOperator",
    "RollbackOperator",
}


def test_the_loop_closes(loop_platform, small_digits, ledger):
    show = Show(loop_platform.home / "demo" / "summary.json")
    loop = Loop(loop_platform.settings, small_digits, loop_platform.passwords, show, human=False)
    for name, work in loop.steps():
        with show.step(name) as step:
            work(step)
    summary = json.loads(show.path.read_text(encoding="utf-8"))
    assert set(summary) == set(SKELETON)
    assert {s["state"] for s in summary["steps"]} == {"ok"}
    assert [r["approved_by"] for r in summary["releases"]] == [["approver1", "approver2"]] * 2
    assert summary["failed_requests"] == 0
    assert summary["four_way"]["decision"] == "accept"
    cells = summary["four_way"]["cells"]
    assert cells["candidate_new"]["accuracy"] > cells["current_new"]["accuracy"] + 0.2
    assert summary["drift"]["score"] > summary["drift"]["threshold"]
    assert summary["switch_s"] < 1 and summary["rollback_s"] < 1
    assert live(ledger) == summary["releases"][-1]["id"]
    assert ledger.verify_audit().ok
    assert [a.state for a in ledger.alerts("digits")] == ["closed"]


def test_every_operator_of_the_product_ran_green(users):
    tasks = users["viewer"].call("GET", "/api/v2/dags/~/dagRuns/~/taskInstances", params={"state": "success", "limit": 1000})
    assert {t["operator"] for t in tasks["task_instances"]} >= IN_THE_LOOP


def test_jobs_were_forked(loop_platform):
    log = log_path(loop_platform.platform.places, FORK_SERVER).read_text()
    forked = set(re.findall(r"^job (\w+) is process \d+$", log, re.MULTILINE))
    assert "refused" not in log and {"train", "tune", "evaluate", "optimise"} <= forked, log


def test_nobody_deploys_without_the_answers(loop_platform, users, ledger):
    """Answered by the author; marked as success by someone who may not, and by someone who may edit; deploy cleared."""
    before = live(ledger)
    developer = users["developer"]
    run_id = developer.trigger("digits.release", {}, run_id="no-answers")
    question = wait_for_question(developer, run_id, "approve_model")
    assert "Digest: `sha256:" in question["body"] and "Test part" in question["body"]
    with pytest.raises(AirflowError) as refused:
        developer.answer("digits.release", run_id, "approve_model", "Approve", "mine")
    assert refused.value.status == 403

    with pytest.raises(AirflowError) as refused:
        path = f"/api/v2/dags/digits.release/dagRuns/{run_id}/taskInstances/approve_model"
        users["approver1"].call("PATCH", path, json={"new_state": "success"})
    assert refused.value.status == 403
    for task in ("approve_model", "approve_inference_code"):
        wait_for_question(developer, run_id, task)
        path = f"/api/v2/dags/digits.release/dagRuns/{run_id}/taskInstances/{task}"
        users["operator"].call("PATCH", path, json={"new_state": "success"})
    states = finish(developer, "digits.release", run_id)
    assert (states[""], states["deploy"]) == ("failed", "failed")
    assert "nobody has approved" in developer.log("digits.release", run_id, "deploy")

    users["operator"].call(
        "POST",
        "/api/v2/dags/digits.release/clearTaskInstances",
        json={"dry_run": False, "dag_run_id": run_id, "task_ids": ["deploy"]},
    )
    states = finish(developer, "digits.release", run_id)
    assert states["deploy"] == "failed"
    assert live(ledger) == before
    assert ledger.verify_audit().ok


def test_one_person_cannot_answer_twice_and_a_changed_byte_is_found(loop_platform, users, ledger):
    before = live(ledger)
    developer, one, two = users["developer"], users["approver1"], users["approver2"]
    runs = [developer.trigger("digits.release", {}, run_id=f"bytes-{n}") for n in range(2)]
    for run_id in runs:
        wait_for_question(developer, run_id, "approve_model")
        one.answer("digits.release", run_id, "approve_model", "Approve", "ok")
        wait_for_question(developer, run_id, "approve_inference_code")
    one.answer("digits.release", runs[0], "approve_inference_code", "Approve", "again")
    states = finish(developer, "digits.release", runs[0])
    assert (states["approve_inference_code"], states["deploy"]) == ("failed", "upstream_failed")

    release = next(r for r in ledger.releases("digits") if r.key.endswith(runs[1]))
    code = loop_platform.settings.model_repository / release.id / "1" / "inference" / "postprocess.py"
    code.chmod(0o644)
    code.write_text(code.read_text() + "\n")
    two.answer("digits.release", runs[1], "approve_inference_code", "Approve", "ok")
    states = finish(developer, "digits.release", runs[1])
    assert states["deploy"] == "failed"
    assert "inference/postprocess.py changed" in developer.log("digits.release", runs[1], "deploy")
    assert live(ledger) == before


def test_wrong_requests_are_answered_with_what_is_wrong(loop_platform, users):
    developer = users["developer"]
    for conf, status, says in (
        ({"trials": "many"}, 400, "trials"),
        ({"trials": 0}, 400, "trials"),
        ({"data_version": "../v1"}, 400, "data_version"),
        ({"데이터": "v1"}, 422, "데이터"),
    ):
        with pytest.raises(AirflowError) as refused:
            developer.call(
                "POST", "/api/v2/dags/digits.model_development/dagRuns", json={"logical_date": None, "conf": conf}, tries=1
            )
        assert refused.value.status == status
        assert says in str(refused.value.detail)
    states = finish(
        developer, "digits.model_development", developer.trigger("digits.model_development", {"data_version": "v999"})
    )
    assert (states[""], states["choose_split"]) == ("failed", "failed")


def kill(platform: RunningPlatform, service: str) -> None:
    """Kill a service with all its children, as a crash would."""
    pid = platform.platform.status()[service][0].pid
    assert pid
    process = psutil.Process(pid)
    for victim in [*process.children(recursive=True), process]:
        victim.send_signal(signal.SIGKILL)


KILLED_RUN = "killed"
KILLS = {
    "digits.model_development": {"choose_split": "data-server", "train": "mlflow"},
    "digits.release": {"optimise": "scheduler", "package": "triton"},
}


@pytest.mark.parametrize("dag_id", KILLS)
def test_killed_engines_lose_nothing(loop_platform, users, ledger, dag_id):
    developer = users["developer"]
    conf = {"trials": 1} if dag_id == "digits.model_development" else {}
    run_id = developer.trigger(dag_id, conf, run_id=KILLED_RUN)
    for during, service in KILLS[dag_id].items():
        end = time.monotonic() + 240
        while time.monotonic() < end:
            if {t["task_id"]: t["state"] for t in developer.tasks(dag_id, run_id)}.get(during) in ("running", "success"):
                break
            time.sleep(0.1)
        kill(loop_platform, service)
    if dag_id == "digits.release":
        wait_for_question(developer, run_id, "approve_model")  # which somebody answers in the browser, in test_ui.py
        states = {task["task_id"]: task["state"] for task in developer.tasks(dag_id, run_id)}
        assert states["staging_test"] == states["seal"] == "success"
    else:
        states = finish(developer, dag_id, run_id)
        assert states[""] == "success", said_by_failed(developer, dag_id, run_id)
    assert loop_platform.wait(lambda: infer(loop_platform).status_code == 200, 60)
    assert ledger.verify_audit().ok


def test_a_killed_ap_comes_back_with_the_same_release(loop_platform, ledger):
    first = infer(loop_platform)
    assert first.status_code == 200 and first.json()["release_id"] == live(ledger)
    kill(loop_platform, "inference-ap")

    def again() -> dict[str, Any] | None:
        try:
            answer = infer(loop_platform)
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None

    answer = loop_platform.wait(again, 60)
    assert (answer["release_id"], answer["prediction"]) == (first.json()["release_id"], first.json()["prediction"])
