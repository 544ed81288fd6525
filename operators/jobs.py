"""Heavy work as a job: started, followed and ended by its task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from include.jobs.local import LocalJob
from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator


class JobOperator(ProjectOperator):
    """Run one registered job of `include.jobs` and return its result.

    The job runs in a process of its own beside the task; its lines appear in the task's log, and killing the task
    ends it with everything it started. Subclasses name the `job` and say its `arguments`.
    """

    job: ClassVar[str]
    template_fields: Sequence[str] = ("project",)
    ui_color = "#f3ecfa"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._running: LocalJob | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the job's keyword arguments, small JSON values."""
        raise NotImplementedError

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Start the job, follow it to its end.

        Returns:
            The job's result: a small JSON value.

        Raises:
            include.jobs.errors.JobFailed: the job failed; the message is its last error.
        """
        self._running = LocalJob(self.job, project.name, self.arguments(settings, context), settings)
        return self._running.run(on_line=self.log.info)

    def on_kill(self) -> None:
        """End the job; calling it again does nothing."""
        if self._running:
            self._running.kill()
