"""A job in a Docker container, by the Docker provider's operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException

from include.jobs.docker import DockerJob
from include.jobs.request import OnLine, Request

if TYPE_CHECKING:
    from airflow.providers.docker.hooks.docker import DockerHook
    from airflow.sdk import Context
    from docker import APIClient


class DockerJobOperator(DockerOperator):
    """The provider's operator, with its connection to engine and registry, around a container that is found again.

    The provider (4.6.1) starts a new container on every try, sets no hard limit of processors, and can neither drop
    capabilities nor make the file system read-only; `include.jobs.docker.DockerJob` does these.

    Args:
        request: the job.
        kwargs: everything else that DockerOperator takes.

    Returns:
        The job's result.
    """

    def __init__(self, *, request: Request, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request
        self.running = DockerJob(request, self._client)

    @classmethod
    def of(cls, request: Request, context: Context) -> DockerJobOperator:
        """Return the operator for a job of the task that runs now."""
        environment = request.environment
        return cls(
            task_id=context["task_instance"].task_id,
            request=request,
            image=str(environment.image),
            container_name=request.id,
            docker_conn_id=environment.connection,
            mem_limit=environment.memory_bytes,
            mount_tmp_dir=False,
        )

    def run(self, on_line: OnLine) -> dict[str, Any]:
        """Run the job, or go on with that of an earlier try; see `DockerJob.run`."""
        return self.running.run(on_line)

    def kill(self) -> None:
        """End the job and remove its container."""
        self.running.kill()

    def execute(self, context: Context) -> Any:
        """Run the job, its lines in the task's log."""
        return self.run(self.log.info)

    def on_kill(self) -> None:
        """End the job; calling it again does nothing."""
        self.kill()

    def _client(self) -> APIClient:
        # A hook keeps its client; a job needs a new one after the engine was away, and one beside it to end the job.
        hook: DockerHook = DockerOperator.__dict__["hook"].func(self)
        try:
            return hook.get_conn()
        except AirflowException as away:
            raise ConnectionError(str(away)) from away
