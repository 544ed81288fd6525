"""A workload is started again only after the end of its last process was read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def executor(airflow_db, monkeypatch):
    from airflow.executors.local_executor import LocalExecutor

    from plugins.console.local_executor import ResumeSafeLocalExecutor

    started = []
    monkeypatch.setattr(LocalExecutor, "_process_workloads", lambda self, work: started.extend(work))
    made = ResumeSafeLocalExecutor(parallelism=2)
    made.started = started
    return made


def queue(executor, name):
    work = SimpleNamespace(key=name, ti=SimpleNamespace(priority_weight=1))
    executor.queued_tasks[name] = work
    return work


def trigger(executor):
    executor.trigger_tasks(executor.parallelism - len(executor.running))
    for work in executor.started:
        executor.queued_tasks.pop(work.key, None)


def test_a_task_queued_again_waits_for_its_first_end(executor):
    first = queue(executor, "approve")
    trigger(executor)
    assert executor.started == [first]

    second = queue(executor, "approve")
    executor.trigger_tasks(executor.parallelism - len(executor.running))
    assert executor.started == [first]
    assert executor.has_task(SimpleNamespace(id="ti", key="approve"))

    executor.change_state("approve", "success")
    assert executor.has_task(SimpleNamespace(id="ti", key="approve"))
    executor.trigger_tasks(executor.parallelism - len(executor.running))
    assert executor.started == [first, second]


def test_no_more_run_than_there_are_slots(executor):
    for name in "abc":
        queue(executor, name)
    trigger(executor)
    assert [w.key for w in executor.started] == ["a", "b"]
    executor.change_state("a", "success")
    trigger(executor)
    assert [w.key for w in executor.started] == ["a", "b", "c"]


def test_what_most_tasks_import_is_there_before_the_first_worker(executor, monkeypatch):
    from airflow.executors.local_executor import LocalExecutor

    from plugins.console.local_executor import LOADED

    order = []
    monkeypatch.setattr("plugins.console.local_executor.import_module", order.append)
    monkeypatch.setattr(LocalExecutor, "start", lambda self: order.append("workers"))
    executor.start()
    assert order == [*LOADED, "workers"] and LOADED
