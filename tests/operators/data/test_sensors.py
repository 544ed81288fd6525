"""NewDataSensor and its trigger: what is new starts one run, what fails is said, and nobody holds a worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from include.data import SourceError, SourceUnavailable
from include.settings import ROOT
from operators.data import NewDataSensor
from operators.data.sensors import NewDataTrigger


def first_event(trigger: NewDataTrigger) -> Any:
    async def one() -> Any:
        async for event in trigger.run():
            return event.payload

    return asyncio.run(asyncio.wait_for(one(), 20))


@pytest.fixture
def answers(no_connections: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of what `pending` answers, one look after another; the last one stays."""
    given: list[Any] = []

    def pending(settings: Any, project: Any, zone: str) -> Any:
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("include.data.sources.pending", pending)
    return given


def found(new: bool, state: str, count: int = 5) -> dict[str, Any]:
    return {"new": new, "count": count, "sources": {"sql:scans": count}, "state": state}


def trigger(before: str | None = None, poll_s: float = 0.01, watch_s: float = 5, patience_s: float = 5) -> NewDataTrigger:
    return NewDataTrigger("digits", "dev", before, poll_s, watch_s, patience_s)


def test_round_trip() -> None:
    path, kwargs = trigger("a").serialize()
    assert path == "operators.data.sensors.NewDataTrigger" and NewDataTrigger(**kwargs).serialize() == (path, kwargs)


def test_it_waits_until_something_else_is_new(answers: list[Any]) -> None:
    down = SourceUnavailable("sql", "it does not answer", "Wait")
    answers += [found(False, "a", 0), found(True, "b"), down, OSError("disk"), found(True, "c", 7)]
    assert first_event(trigger(before="b")) == {"status": "new", "found": found(True, "c", 7)}


def test_it_ends_quietly_and_gives_up_loudly(answers: list[Any]) -> None:
    answers.append(found(False, "a", 0))
    assert first_event(trigger(watch_s=0.05)) == {"status": "quiet"}
    answers[:] = [SourceError("source table scans", "there is no such table", "Correct it")]
    event = first_event(trigger(patience_s=0.05))
    assert event["status"] == "blind" and "there is no such table" in event["why"]


def test_a_source_that_is_down_now_and_then_is_no_reason_to_give_up(answers: list[Any]) -> None:
    down = SourceUnavailable("sql", "it does not answer", "Wait")
    answers += [down, found(False, "a", 0)] * 8 + [found(True, "b")]
    assert first_event(trigger(poll_s=0.02, patience_s=0.1))["status"] == "new"


def test_the_sensor_holds_no_worker_and_knows_what_it_found_before(no_connections: Any, context: Any) -> None:
    asked: list[dict[str, Any]] = []

    def xcom_pull(**how: Any) -> Any:
        asked.append(how)
        return {"state": "a"} if len(asked) > 1 else None

    for before in (None, "a"):
        with pytest.raises(TaskDeferred) as deferred:
            NewDataSensor(task_id="t", project="digits").execute({**context, "ti": SimpleNamespace(xcom_pull=xcom_pull)})
        assert isinstance(deferred.value.trigger, NewDataTrigger) and deferred.value.trigger.before == before
    assert asked[0] == {"task_ids": "t", "include_prior_dates": True}


def test_the_sensor_understands_its_events(context: Any) -> None:
    sensor = NewDataSensor(task_id="t", project="digits")
    assert sensor.resume(context, {"status": "new", "found": found(True, "a")}) == found(True, "a")
    with pytest.raises(AirflowSkipException, match="nothing new at the sources of digits in 24 h"):
        sensor.resume(context, {"status": "quiet"})
    with pytest.raises(AirflowFailException, match="cannot be looked at: SourceError: gone"):
        sensor.resume(context, {"status": "blind", "why": "SourceError: gone"})
    with pytest.raises(RuntimeError, match="unknown event 'odd'"):
        sensor.resume(context, {"status": "odd"})


WHICH = """
import importlib.util, json
spec = importlib.util.spec_from_file_location("dag_file", "dags/collection.py")
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
dags = {one.dag_id: one for one in vars(module).values() if type(one).__name__ == "DAG"}
for dag in dags.values():
    prepare = dag.get_task("start_preparation")
    print(dag.dag_id, prepare.trigger_dag_id, sorted(prepare.upstream_task_ids), prepare.deferrable, dag.max_active_runs)
"""


def test_only_projects_that_ask_for_it_are_watched(tmp_path: Any) -> None:
    document = yaml.safe_load((ROOT / "include/projects/digits/project.yaml").read_text(encoding="utf-8"))
    for name, sensor in (("awake", True), ("asleep", False)):
        document["name"], document["data"]["start"] = name, {"sensor": sensor}
        (tmp_path / name).mkdir()
        (tmp_path / name / "project.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", WHICH],
        cwd=ROOT,
        env={**os.environ, "DEVMLOPS_PROJECTS_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("awake", "asleep"))]
    assert lines == ["awake.collection awake.data_preparation ['watch_sources'] True 1"], done.stderr
