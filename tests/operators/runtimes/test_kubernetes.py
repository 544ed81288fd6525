"""Jobs in pods: Airflow's operator and the real client against a server that speaks Kubernetes' API."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from kubernetes.client.exceptions import ApiException

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
from include.jobs import kubernetes as what
from include.jobs.request import HOME
from include.management import Environment
from include.projects import load_project
from include.settings import ROOT, Settings
from operators.runtimes import runtimes
from operators.runtimes.kubernetes import PodJobOperator
from tests.fixtures.kubernetes import Cluster, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def cluster(kubernetes_cluster: Cluster, sample_jobs: Path) -> Cluster:
    kubernetes_cluster.variables["PYTHONPATH"] = f"{ROOT}{os.pathsep}{sample_jobs}"
    return kubernetes_cluster


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Any:
    """Return a function that makes a job in a pod, as a task's try does."""
    settings = Settings(home=tmp_path / "home", slack_token="xoxb-very-secret", data_dev_access_key="key")  # type: ignore[arg-type]
    pushed: dict[str, Any] = {}
    task = SimpleNamespace(dag_id="digits.훈련", task_id="train", try_number=1, map_index=-1)
    task.xcom_push = lambda key, value: pushed.update({key: value})
    context: Any = {"ti": task, "task_instance": task, "run_id": "manual__2026-01-01T00:00:00+00:00", "dag": SimpleNamespace()}

    def make(name: str, args: dict[str, Any] | None = None, key: str = "k", **environment: Any) -> PodJobOperator:
        wanted = Environment(**{"name": "pods", "runtime": "kubernetes", "image": "devmlops:1", "namespace": "ml", **environment})
        secrets = {name: "from-connection" for name, where in wanted.secrets.items() if where.startswith("connection:")}
        made = job(
            wanted, name, load_project("digits"), args or {}, settings, key=key, secrets=secrets, runtimes=runtimes(context)
        )
        assert isinstance(made, PodJobOperator)
        return made

    return make


def in_background(made: PodJobOperator, lines: list[str]) -> tuple[threading.Thread, list[Any]]:
    ends: list[Any] = []

    def run() -> None:
        try:
            ends.append(made.run(lines.append))
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ends


def left(cluster: Cluster) -> None:
    """Assert that nothing is left of any job."""
    wait_for(lambda: not cluster.pods)
    assert not cluster.secrets


def test_lines_come_while_it_runs_and_the_result_at_its_end(cluster, start):
    seen: list[tuple[str, float]] = []
    result = start("count", {"to": 3, "pause": 0.7}).run(lambda line: seen.append((line, time.monotonic())))
    assert result == {"to": 3, "project": "digits", "home": HOME}
    lines = [line for line, _ in seen]
    assert lines[:3] == ["1 번째", "2 번째", "3 번째"] and not any("devmlops-result" in line for line in lines)
    assert seen[2][1] - seen[0][1] > 0.6
    left(cluster)


def test_the_pod_is_what_the_environment_says(cluster, start):
    start(
        "count",
        {"to": 1},
        cpu=1.5,
        memory="2Gi",
        gpu=2,
        priority="high-priority",
        service_account="trainer",
        timeout_minutes=5,
        env={"LEVEL": "3"},
        secrets={"API_TOKEN": "connection:hub", "DEVMLOPS_SLACK_TOKEN": "connection:slack"},
        references={"weights": {"source": "claim:models/resnet"}},
    ).run(lambda line: None)
    (made,) = cluster.made
    spec, container = made["spec"], made["spec"]["containers"][0]
    limits = {"cpu": "1.5", "memory": str(2 * 2**30), "nvidia.com/gpu": "2"}
    assert container["resources"] == {"limits": limits, "requests": limits}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 65534
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (spec["priorityClassName"], spec["serviceAccountName"]) == ("high-priority", "trainer")
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 300)
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert made["metadata"]["namespace"] == "ml"
    variables = {one["name"]: one for one in container["env"]}
    name = made["metadata"]["name"]
    assert variables["LEVEL"]["value"] == "3"
    assert variables["DEVMLOPS_REFERENCE_WEIGHTS"]["value"] == "/references/weights"
    assert variables["API_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": name, "key": "API_TOKEN"}
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert mounts["/references/weights"]["subPath"] == "resnet" and mounts["/references/weights"]["readOnly"]
    claims = [one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"] if "persistentVolumeClaim" in one]
    assert claims == ["models"]
    assert "secret" not in str(made).replace("secretKeyRef", "") and "from-connection" not in str(made)
    values = cluster.seen_secrets[-1]["stringData"]
    assert values["API_TOKEN"] == values["DEVMLOPS_SLACK_TOKEN"] == "from-connection"
    assert cluster.seen_secrets[-1]["metadata"]["ownerReferences"][0]["name"] == name
    left(cluster)


def test_secrets_of_the_cluster_are_named_alone(cluster, start):
    cluster.secrets["hub"] = {"metadata": {}, "data": {"token": "aGVsbG8="}}
    start("count", {"to": 1}, secrets={"HUB": "kubernetes:hub/token"}).run(lambda line: None)
    (one,) = [one for one in cluster.made[0]["spec"]["containers"][0]["env"] if one["name"] == "HUB"]
    assert one["valueFrom"]["secretKeyRef"] == {"name": "hub", "key": "token"}
    assert set(cluster.secrets) == {"hub"}
    with pytest.raises(NotHere, match="CreateContainerConfigError: secret 'none' not found; correct its secrets"):
        start("count", {"to": 1}, secrets={"HUB": "kubernetes:none/token"}, start_minutes=0.03).run(lambda line: None)


def test_labels_of_hostile_and_korean_names_are_made_fit(cluster, tmp_path):
    project = load_project("digits").model_copy(update={"title": "손글씨 숫자", "owner": "데이터 팀 / <b>"})
    task = SimpleNamespace(dag_id="dag", task_id="t", try_number=1, map_index=3, xcom_push=lambda key, value: None)
    context: Any = {"ti": task, "task_instance": task, "run_id": "r", "dag": SimpleNamespace()}
    wanted = Environment(name="pods", runtime="kubernetes", image="devmlops:1")
    made = job(wanted, "count", project, {"to": 1}, Settings(home=tmp_path), key="키", runtimes=runtimes(context))
    made.run(lambda line: None)
    metadata = cluster.made[0]["metadata"]
    assert metadata["annotations"]["devmlops.io/title"] == "손글씨 숫자"
    assert metadata["labels"]["devmlops.io/owner"].startswith("b-") and metadata["labels"]["devmlops.io/project"] == "digits"


@pytest.mark.parametrize(
    ("name", "args", "environment", "error", "says"),
    [
        ("fail", {}, {}, JobFailed, "RuntimeError: the disk is full"),
        ("refuse", {}, {}, JobRefused, "accuracy is 0.5"),
        ("count", {"form": 1}, {}, JobRefused, "missing a required argument: 'to'"),
        ("die", {"number": 11}, {}, JobKilled, "killed by SIGSEGV"),
        ("sleep", {"note": "/dev/null"}, {"timeout_minutes": 0.05}, JobTimeout, "longer than the 0.05 minutes"),
        ("count", {"to": 1}, {"image": "missing/one:1"}, ImageMissing, "the image missing/one:1 cannot be had: ImagePullBackOff"),
        ("count", {"to": 1}, {"gpu": 8, "start_minutes": 0.03}, JobUnplaced, "Insufficient nvidia.com/gpu"),
        ("count", {"to": 1}, {"queue": "a100", "start_minutes": 0.03}, JobUnplaced, "wait for a free place"),
        ("count", {"to": 1}, {"namespace": "nowhere"}, NotHere, "correct namespace of the environment"),
    ],
)
def test_ends_are_told_apart(cluster, start, name, args, environment, error, says):
    with pytest.raises(error, match=says) as failed:
        start(name, args, **environment).run(lambda line: None)
    assert type(failed.value) is error
    assert isinstance(failed.value, FinalError) == (error in (JobRefused, ImageMissing, NotHere))
    left(cluster)


@pytest.mark.parametrize(
    ("reason", "error", "says"),
    [
        ("OOMKilled", JobOutOfMemory, r"ran out of memory \(1Gi in the environment pods\)"),
        ("Evicted", JobLost, "evicted it .low on"),
    ],
)
def test_memory_and_eviction_are_told_apart(cluster, start, reason, error, says):
    lines: list[str] = []
    thread, ends = in_background(start("stubborn", memory="1Gi"), lines)
    pod = wait_for(lambda: next(iter(cluster.pods.values()), None))
    wait_for(lambda: pod.lines)
    pod.end(reason, "low on resource: memory")
    thread.join(30)
    with pytest.raises(error, match=says):
        raise ends[0]
    left(cluster)


def test_a_node_that_went_away_is_no_failure_of_the_job(cluster, start):
    thread, ends = in_background(start("stubborn"), [])
    name = wait_for(lambda: next((n for n, p in cluster.pods.items() if p.lines), None))
    cluster.lose(name)
    thread.join(30)
    with pytest.raises(JobLost, match="its pod is gone"):
        raise ends[0]
    left(cluster)


def test_killing_ends_the_pod_and_may_be_done_twice(cluster, start, tmp_path):
    made = start("sleep", {"note": str(tmp_path / "note")})
    lines: list[str] = []
    thread, ends = in_background(made, lines)
    pod = wait_for(lambda: next((p for p in cluster.pods.values() if p.lines), None))
    made.on_kill()
    made.on_kill()
    thread.join(30)
    assert isinstance(ends[0], JobKilled)
    assert not psutil.pid_exists(pod.process.pid)
    assert (tmp_path / "note").read_text() == "cleaned up"
    left(cluster)


def test_killed_before_it_began_leaves_nothing(cluster, start):
    made = start("count", {"to": 1})
    made.kill()
    with pytest.raises(JobKilled):
        made.run(lambda line: None)
    assert cluster.made == []


def test_a_retry_goes_on_with_the_pod_that_still_runs(cluster, start):
    """The first try's process dies without a word: here its thread is left alone."""
    in_background(start("count", {"to": 8, "pause": 0.5}), [])
    wait_for(lambda: any(p.lines for p in cluster.pods.values()))
    lines: list[str] = []
    assert start("count", {"to": 8, "pause": 0.5}).run(lines.append)["to"] == 8
    assert lines[0].startswith("going on with the pod digits-count-") and lines[1] == "1 번째"
    assert len(cluster.made) == 1
    left(cluster)


def test_two_retries_at_once_make_one_pod(cluster, start):
    tries = [in_background(start("count", {"to": 4, "pause": 0.5}), []) for _ in range(2)]
    for thread, _ in tries:
        thread.join(60)
    ends = [ends[0] for _, ends in tries]
    assert any(isinstance(end, dict) for end in ends)
    assert all(isinstance(end, dict | JobLost) for end in ends), ends
    assert len(cluster.made) == 1
    left(cluster)


def test_a_job_with_other_arguments_takes_the_place_of_the_old_one(cluster, start, monkeypatch):
    monkeypatch.setattr(what, "GRACE_S", 1)
    thread, _ = in_background(start("stubborn"), [])
    wait_for(lambda: any(p.lines for p in cluster.pods.values()))
    old = next(iter(cluster.pods.values()))
    assert start("stubborn", memory="1Gi").request.id == start("stubborn").request.id
    replaced = in_background(start("stubborn", memory="1Gi"), [])
    wait_for(lambda: len(cluster.made) == 2, within=60)
    assert old.process.poll() is not None
    wait_for(lambda: next((pod for pod in cluster.pods.values() if pod is not old and pod.lines), None)).end("OOMKilled")
    replaced[0].join(30)
    thread.join(30)
    left(cluster)


def test_a_pod_of_a_try_that_died_right_after_making_it_leaves_no_secret(cluster, start, monkeypatch):
    dies = start("count", {"to": 6, "pause": 0.5})

    def die(uid: str) -> None:
        raise SystemExit

    monkeypatch.setattr(dies, "_own_secret", die)
    with pytest.raises(SystemExit):
        dies.run(lambda line: None)
    assert len(cluster.pods) == 1 and cluster.secrets
    assert start("count", {"to": 6, "pause": 0.5}).run(lambda line: None)["to"] == 6
    assert len(cluster.made) == 1
    left(cluster)


def test_a_try_whose_pod_was_replaced_leaves_the_new_one_alone(cluster, start, tmp_path, monkeypatch):
    """The old try ends last: it neither follows nor removes what has its pod's name now."""
    monkeypatch.setattr(what, "GRACE_S", 1)
    old_lines: list[str] = []
    old = start("until", {"note": str(tmp_path / "never")})
    monkeypatch.setattr(old, "_last", lambda last=old._last: (wait_for(lambda: len(cluster.made) == 2), last())[1])
    thread, ends = in_background(old, old_lines)
    wait_for(lambda: any(p.lines for p in cluster.pods.values()))
    note = tmp_path / "note"
    new_lines: list[str] = []
    newer, results = in_background(start("until", {"note": str(note)}, memory="1Gi"), new_lines)
    thread.join(60)
    assert isinstance(ends[0], JobLost) and "another try" in str(ends[0])
    wait_for(lambda: sum("번째" in line for line in new_lines) > 3)
    with pytest.raises(ApiException, match="put a new pod in its place"):
        old.pod_manager.read_pod(old.pod)
    assert old.find_pod("ml", {}) is None and old._last() == (None, True)
    note.touch()
    newer.join(60)
    assert results[0]["to"] == sum("번째" in line for line in new_lines)
    assert cluster.secrets == {} and len(cluster.made) == 2
    left(cluster)


def test_a_server_that_goes_away_leaves_the_pod_to_the_next_try(cluster, start, tmp_path):
    note = tmp_path / "note"
    thread, ends = in_background(start("until", {"note": str(note)}), [])
    wait_for(lambda: any(p.lines for p in cluster.pods.values()))
    cluster.away()
    thread.join(60)
    with pytest.raises(JobLost, match="Kubernetes does not answer"):
        raise ends[0]
    cluster.start()
    assert len(cluster.pods) == 1
    lines: list[str] = []
    again = start("until", {"note": str(note)})
    done = again.run(lambda line: (lines.append(line), note.touch()))
    assert lines[0].startswith("going on with the pod")
    assert {line for line in lines if "번째" in line} == {f"{number} 번째" for number in range(1, done["to"] + 1)}
    assert len(cluster.made) == 1
    left(cluster)


def test_an_account_without_rights_is_told_what_it_needs(cluster, start):
    cluster.refuse = {"secrets"}
    with pytest.raises(NotHere, match="let the connection's account make pods and secrets"):
        start("count", {"to": 1}).run(lambda line: None)
    assert cluster.made == []
