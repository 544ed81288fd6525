"""Heavy work as a job: started, followed and ended by its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from include import jobs
from include.jobs.registry import find
from include.projects import Project
from include.settings import Settings, Zone
from operators.base import ProjectOperator, actor

if TYPE_CHECKING:
    from include.management import Environment


class JobOperator(ProjectOperator):
    """Run one registered job of `include.jobs` where its environment says, and return its result.

    The project's environment decides whether the job runs in a process of its own beside the task, in a Docker
    container, in a pod, or on a Ray cluster; the run may choose another of those that the project allows by its
    parameter ``environment``. The job's lines appear in the task's log, and killing the task ends the job with
    everything it started. A try that comes after the task's process or machine died goes on with the job of the try
    before, where that still runs; a local job ends with its task. Subclasses name the ``job`` and say its ``arguments``.

    Args:
        placements: where each job of the project runs, by its name (`Environments.placements`); pipelines give it to all
            their tasks by ``default_args``. It sets pool, queue and priority of the task, which an argument of the task
            itself overrides.
    """

    job: ClassVar[str]
    zone: Zone = "ops"  # whose credential a job gets whose arguments name no data
    template_fields: Sequence[str] = ("project",)
    ui_color = "#f3ecfa"

    def __init__(self, *, placements: Mapping[str, Mapping[str, Any]] | None = None, **kwargs: Any) -> None:
        place = (placements or {}).get(self.job) or {}
        super().__init__(**{**place, **kwargs})
        self._running: jobs.Running | None = None
        self._killed = False

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return the job's keyword arguments, small JSON values."""
        raise NotImplementedError

    def settings_of(self, settings: Settings, arguments: dict[str, Any]) -> Settings:
        """Return the settings that the job gets: the credential of one zone, that of the data it works on."""
        from include.data.access import zone_of

        return settings.for_zone(zone_of(arguments) or self.zone)

    def place(self, settings: Settings, project: Project, wish: str) -> Environment:
        """Return the environment that the job runs in, given what the run wishes.

        A job that works with what is on this machine alone stays here, unless project.yaml places it by its own name.
        """
        from include.jobs.request import tied
        from include.management import LOCAL, choose

        chosen = choose(settings, project, self.job, wish)
        if self.job not in project.environments.jobs and (what := tied(chosen, self.job, settings)):
            self.log.info("job %s stays in the environment local, not %s: it works with %s", self.job, chosen.name, what)
            own = project.environments.default
            return LOCAL.limited(own.timeout_minutes, own.memory)
        return chosen

    def reads(self, settings: Settings, project: Project, arguments: dict[str, Any]) -> Zone | None:
        """Return the zone whose data the job reads; None where it reads none."""
        from include.data.access import zone_of

        return zone_of(arguments)

    def with_code(self, settings: Settings, project: Project, zone: Zone | None, by: str) -> Settings:
        """Return the settings of a job with the code that it must run: on ops data, confirmed code alone.

        Models confirm code, so a project that has none is not held to it.
        """
        from include.management import admit

        if zone is None or not project.has_model or not find(self.job).project_code:
            return settings
        digest = admit(settings, project, zone == "ops", f"the task {self.task_id}", by)
        return settings.model_copy(update={"job_code": digest if zone == "ops" else ""})

    def recorded(self, settings: Settings, project: Project, context: Context) -> Any:
        """Do the work; the job itself records which data it reads, and `work` does where the job sees no ledger."""
        return self.work(settings, project, context)

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Start the job where it belongs, or go on with that of an earlier try, and follow it to its end.

        Returns:
            The job's result: a small JSON value.

        Raises:
            include.jobs.errors.JobFailed: the job failed; the message is its last error.
            include.management.EnvironmentRefused: there is no such environment, or the project does not allow it.
            include.management.CodeRefused: it reads ops data, and nobody confirmed the project's code.
        """
        environment = self.place(settings, project, str((context.get("params") or {}).get("environment") or ""))
        arguments = self.arguments(settings, context)
        own = self.with_code(
            self.settings_of(settings, arguments), project, self.reads(settings, project, arguments), actor(context)
        )
        self._running = running = self._job(environment, project, arguments, own, context)
        if self._killed:
            raise jobs.JobKilled(self.job, 15, [])
        return running.run(on_line=self.log.info)

    def _job(
        self, environment: Environment, project: Project, arguments: dict[str, Any], settings: Settings, context: Context
    ) -> jobs.Running:
        from include.jobs.request import request
        from operators.runtimes import runtimes, secrets_of, with_connection

        secrets, own = secrets_of(environment), with_connection(settings, environment)
        if environment.runtime == "local":
            return jobs.job(environment, self.job, project, arguments, own, secrets=secrets)
        recorded = settings.ledger().startswith("sqlite")
        key, known = _key(context), runtimes(context)
        self.log.info("environment %s: %s", environment.name, environment.runtime)
        made = jobs.job(
            environment, self.job, project, arguments, own, key=key, secrets=secrets, recorded=recorded, runtimes=known
        )
        if away := request(environment, self.job, project, arguments, own, secrets=secrets).unreachable():
            self.log.warning("where the job runs, these mean another machine; set them in env of its environment: %s", away)
        if recorded:
            from include.data.access import note_all

            note_all(settings, project, "data.read", arguments, via=f"job {self.job}")
        return made

    def on_kill(self) -> None:
        """End the job; calling it again does nothing."""
        self._killed = True
        if self._running:
            self._running.kill()


def _key(context: Context) -> str:
    """Return what all tries of this task in this run have in common, and nothing else has."""
    task = context["task_instance"]
    return "/".join(str(part) for part in (task.dag_id, task.run_id, task.task_id, getattr(task, "map_index", -1)))
