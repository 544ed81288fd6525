"""Airflow's REST API, as SW1.0, the demo and the tests call it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx

DONE = {"success", "failed"}


class AirflowError(RuntimeError):
    """Airflow refused a call or did not answer.

    Attributes:
        status: the HTTP status, 0 where there was no answer.
        detail: what Airflow said.
    """

    def __init__(self, call: str, status: int, detail: Any) -> None:
        self.status, self.detail = status, detail
        super().__init__(f"{call}: HTTP {status}: {detail}" if status else f"{call}: no answer: {detail}")


class AirflowClient:
    """One log-in to one Airflow.

    Args:
        url: base address of the api-server.
        username: who calls.
        password: that user's password.
        timeout_s: how long one call may take.
    """

    def __init__(self, url: str, username: str, password: str, timeout_s: float = 60) -> None:
        self.username = username
        self._password = password
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)
        self._token = ""

    def __enter__(self) -> AirflowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, json: Any = None, params: dict[str, Any] | None = None, tries: int = 4) -> Any:
        """Make one call and return its JSON.

        A server that does not answer, or answers 5xx, is asked again with growing pauses; give runs an id of
        their own so that a repeat starts nothing twice.

        Raises:
            AirflowError: refused, or no answer after all tries.
        """
        for attempt in range(tries):
            try:
                if not self._token:
                    self._log_in()
                answer = self._http.request(
                    method, path, json=json, params=params, headers={"Authorization": f"Bearer {self._token}"}
                )
                if answer.status_code == 401 and attempt == 0:
                    self._token = ""
                    continue
                if answer.status_code < 500:
                    return self._body(f"{method} {path}", answer)
                problem: AirflowError = AirflowError(f"{method} {path}", answer.status_code, answer.text[:500])
            except httpx.TransportError as cause:
                problem = AirflowError(f"{method} {path}", 0, str(cause))
            time.sleep(0.5 * 2**attempt)
        raise problem

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run and return its id; the same ``run_id`` twice starts one run.

        Raises:
            AirflowError: unknown DAG, not allowed, or a `conf` that the DAG's params refuse.
        """
        body = {"logical_date": None, "conf": conf or {}, **({"dag_run_id": run_id} if run_id else {})}
        try:
            return self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        except AirflowError as error:
            if error.status == 409 and run_id:
                return run_id
            raise

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def runs(self, dag_id: str, limit: int = 20) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first."""
        return self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": limit, "order_by": "-run_after"})["dag_runs"]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        return self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 100})["task_instances"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
        """Return the addresses behind the buttons of a task, such as that of its report, by their names."""
        found = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links")["extra_links"]
        return {name: address for name, address in found.items() if address}

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.call("GET", path, params={"deserialize": "true"})["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return the text of a task's log."""
        found = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}")
        return "\n".join(_line(line) for line in found.get("content", []))

    def questions(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return what people are being asked in a run and have not answered."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/hitlDetails"
        found = self.call("GET", path, params={"response_received": "false"})["hitl_details"]
        return [q for q in found if q["task_instance"]["state"] == "awaiting_input"]

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, reason: str) -> dict[str, Any]:
        """Answer one question as this user.

        Raises:
            AirflowError: 403 not allowed to, 404 not asked yet, 409 answered already.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        return self.call("PATCH", path, json={"chosen_options": [option], "params_input": {"reason": reason}})

    def follow(self, dag_id: str, run_id: str, timeout_s: float, poll_s: float = 1.0) -> Iterator[dict[str, Any]]:
        """Yield the run each ``poll_s`` seconds until it has ended.

        Raises:
            TimeoutError: it did not end in time.
        """
        end = time.monotonic() + timeout_s
        while True:
            found = self.run(dag_id, run_id)
            yield found
            if found["state"] in DONE:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{dag_id} {run_id} is still {found['state']} after {timeout_s:.0f} s")
            time.sleep(poll_s)

    def _log_in(self) -> None:
        answer = self._http.post("/auth/token", json={"username": self.username, "password": self._password})
        self._token = self._body(f"log-in of {self.username}", answer)["access_token"]

    @staticmethod
    def _body(call: str, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            detail = answer.json().get("detail", answer.text)
        except (ValueError, AttributeError):
            detail = answer.text[:500]
        raise AirflowError(call, answer.status_code, detail)


def _line(line: Any) -> str:
    """Return one log line as text, with the error that it carries."""
    if not isinstance(line, dict):
        return str(line)
    errors = (f"{e.get('exc_type')}: {e.get('exc_value')}" for e in line.get("error_detail") or [])
    return "\n".join([str(line.get("event", line)), *errors])
