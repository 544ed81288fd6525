"""Airflow's LocalExecutor, safe for a task that waits and is resumed at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.executors.local_executor import LocalExecutor

from plugins.console.preload import preload

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.executors.workloads.types import WorkloadKey


# What most tasks import, and what takes two seconds of a processor: a task is forked from a worker, and a worker from here.
LOADED = ("lakefs", "pyarrow.parquet", "mlflow")


class ResumeSafeLocalExecutor(LocalExecutor):
    """Starts a workload again only after the end of its last process was read.

    A deferred task, or one that waits for a person, may be queued again within a second. LocalExecutor of
    apache-airflow 3.3.2 does not keep its set `running`, so the end of the first process reaches the scheduler when the
    second is under way, and the scheduler fails the task as "killed externally" (the guard that
    `BaseExecutor.trigger_tasks` still describes is gone). Here `running` is kept, which also makes the count of free
    slots right.
    """

    def start(self) -> None:
        """Load what tasks and their DAG files import, then start the workers."""
        for name in LOADED:
            import_module(name)
        preload(Path(conf.get_mandatory_value("core", "dags_folder")))
        super().start()

    def _get_workloads_to_schedule(self, open_slots: int) -> list[tuple[WorkloadKey, ExecutorWorkload]]:
        return [(key, work) for key, work in super()._get_workloads_to_schedule(open_slots) if key not in self.running]

    def _process_workloads(self, workload_list: Sequence[ExecutorWorkload]) -> None:
        self.running.update(work.key for work in workload_list)
        super()._process_workloads(workload_list)
