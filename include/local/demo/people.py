"""The people of the demo: a developer who starts runs, approvers who answer, an operator who rolls back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from include.clients.airflow import AirflowClient, AirflowError
from include.local.demo.show import Step


class RunFailed(RuntimeError):
    """A run of the loop ended otherwise than it should; the text names the task and the end of its log."""


def follow(
    airflow: AirflowClient,
    dag_id: str,
    run_id: str,
    step: Step,
    *,
    timeout_s: float = 900,
    until: Callable[[dict[str, dict[str, Any]]], bool] | None = None,
    on_question: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Follow a run to its end, saying what it does.

    Args:
        airflow: who looks.
        dag_id: the DAG.
        run_id: its run.
        step: where to say it.
        timeout_s: how long it may take.
        until: stop early where this holds of the tasks.
        on_question: called with each human-in-the-loop question that waits.

    Returns:
        The tasks by id, as they stand at the end.

    Raises:
        RunFailed: a task failed.
        TimeoutError: it did not end in time.
    """
    for run in airflow.follow(dag_id, run_id, timeout_s):
        tasks = {t["task_id"]: t for t in airflow.tasks(dag_id, run_id)}
        busy = [t for t, found in tasks.items() if found["state"] in ("running", "deferred", "awaiting_input", "up_for_retry")]
        done = sum(found["state"] in ("success", "skipped") for found in tasks.values())
        step.now(f"{', '.join(busy) or run['state']} [{done}/{len(tasks)}]")
        if on_question and "awaiting_input" in {t["state"] for t in tasks.values()}:
            for question in airflow.questions(dag_id, run_id):
                on_question(question)
        if until and until(tasks):
            return tasks
        if run["state"] == "failed":
            raise RunFailed(_why(airflow, dag_id, run_id, tasks))
    return tasks


def _why(airflow: AirflowClient, dag_id: str, run_id: str, tasks: dict[str, dict[str, Any]]) -> str:
    failed = [t for t in tasks.values() if t["state"] == "failed"]
    if not failed:
        return f"{dag_id} {run_id} failed without a failed task"
    try:
        log = airflow.log(dag_id, run_id, failed[0]["task_id"], failed[0]["try_number"])
    except AirflowError as error:
        log = str(error)
    return f"{dag_id}: task {failed[0]['task_id']} failed:\n" + "\n".join(log.splitlines()[-25:])


class Approvers:
    """The two approvers: answer by REST, or are waited for.

    Args:
        clients: one log-in a person, in the order in which they answer the steps.
        human: wait for real people instead.
        airflow_url: where they look.
    """

    def __init__(self, clients: list[AirflowClient], human: bool, airflow_url: str) -> None:
        self.clients, self.human, self.url = clients, human, airflow_url
        self.answered: dict[tuple[str, str], str] = {}

    def __call__(self, question: dict[str, Any], step: Step) -> None:
        """Answer one waiting question, each step of a run by another person."""
        ti = question["task_instance"]
        key = (ti["dag_run_id"], ti["task_id"])
        if self.human:
            link = f"{self.url}/dags/{ti['dag_id']}/runs/{ti['dag_run_id']}/tasks/{ti['task_id']}/required_actions"
            step.say(f"{ti['task_id']} waits for a person: {link}")
            step.now("waiting for a person")
            return
        if key in self.answered:
            return
        person = self.clients[sum(run == key[0] for run, _ in self.answered) % len(self.clients)]
        step.now(f"{person.username} answers {ti['task_id']} through Airflow's REST API")
        try:
            person.answer(ti["dag_id"], ti["dag_run_id"], ti["task_id"], "Approve", "demo: evaluation and comparison looked at")
        except AirflowError as error:
            if error.status not in (404, 409):
                raise
            time.sleep(0.5)
            return
        self.answered[key] = person.username
