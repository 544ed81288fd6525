"""Many callers at once: on SQLite nothing may break."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.platform import AIRFLOW, RunningPlatform

pytestmark = pytest.mark.integration

BURST = 30


def test_thirty_concurrent_triggers_are_thirty_runs_and_nothing_dies(airflow_platform: RunningPlatform) -> None:
    before = {name: airflow_platform.platform.supervisor.programs()[name].pid for name in AIRFLOW}
    airflow_platform.token("operator")

    def trigger(number: int) -> int:
        body = {"logical_date": None, "dag_run_id": f"burst-{number}", "conf": {"reason": f"burst {number}"}}
        return airflow_platform.call("operator", "POST", "/dags/tiny.retraining/dagRuns", json=body).status_code

    with ThreadPoolExecutor(BURST) as pool:
        codes = list(pool.map(trigger, range(BURST)))

    assert codes == [200] * BURST
    states = {airflow_platform.wait_for_run("tiny.retraining", f"burst-{n}", timeout_s=200) for n in range(BURST)}
    assert states == {"success"}
    assert {name: airflow_platform.platform.supervisor.programs()[name].pid for name in AIRFLOW} == before
    assert all(problem is None for name, (_, problem) in airflow_platform.platform.status().items() if name in AIRFLOW)
