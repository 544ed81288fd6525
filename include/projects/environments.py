"""The section ``environments`` of a project.yaml: where each job of the project runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from include.projects.parts import Part
from include.projects.sizes import checked

LOCAL = "local"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Placement(Part):
    """Where a job runs, what it may take there, and how its task waits for its turn."""

    environment: Name = Field(LOCAL, description="Name of an environment (`python -m include.management environments list`).")
    timeout_minutes: float | None = Field(
        None,
        gt=0,
        le=60 * 24 * 31,
        description="A job that takes longer is ended; less than the environment gives, where it gives any.",
    )
    memory: str | None = Field(
        None, description="A job that needs more is ended: such as 512Mi or 4Gi; less than the environment's."
    )
    pool: str | None = Field(None, min_length=1, description="Airflow pool whose slots the task takes; it must exist.")
    slots: int = Field(1, ge=1, description="How many of them.")
    queue: str | None = Field(None, min_length=1, description="Airflow queue: workers that listen to it take the task.")
    priority: int = Field(1, ge=1, le=10_000, description="Of tasks that wait, the one with the highest goes first.")

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        return value if value is None else checked(value)

    def task_arguments(self) -> dict[str, Any]:
        """Return the arguments of an Airflow task that put it there."""
        found: dict[str, Any] = {"priority_weight": self.priority, "pool": self.pool, "queue": self.queue}
        if self.pool:
            found["pool_slots"] = self.slots
        return {name: value for name, value in found.items() if value is not None and (name, value) != ("priority_weight", 1)}


class Environments(Part):
    """Where jobs run: ``default``, and by the job's name where one runs elsewhere.

    ``environments: gpu`` is short for ``environments: {default: gpu}``, and ``train: gpu`` for
    ``train: {environment: gpu}``. A job that stands there by itself takes nothing of ``default``. Nothing ends a job that
    hangs in an environment without ``timeout_minutes``, such as ``local``, unless its own are given:
    ``train: {timeout_minutes: 120, memory: 8Gi}``.
    """

    default: Placement = Placement()
    allowed: list[Name] = Field([], description="Other environments that a run may choose by its parameter.")
    jobs: dict[str, Placement] = Field({}, description="Where a job runs elsewhere; its name may stand beside default too.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"default": value}
        if not isinstance(value, dict):
            return value
        own = {name: part for name, part in value.items() if name in cls.model_fields}
        jobs = {name: part for name, part in value.items() if name not in cls.model_fields}
        given = own.get("jobs", {})
        return {**own, "jobs": {**given, **jobs}} if isinstance(given, dict) else own

    @field_validator("default", mode="before")
    @classmethod
    def _default(cls, value: Any) -> Any:
        return {"environment": value} if isinstance(value, str) else value

    @field_validator("jobs", mode="before")
    @classmethod
    def _jobs(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"environment": part} if isinstance(part, str) else part for name, part in value.items()}

    @field_validator("jobs")
    @classmethod
    def _known(cls, value: dict[str, Placement]) -> dict[str, Placement]:
        if not value:
            return value
        from include.jobs.registry import JOBS

        if unknown := [name for name in value if name not in JOBS]:
            raise ValueError(f"there is no job {', '.join(unknown)}; there are {', '.join(JOBS)}")
        return value

    def of(self, job: str) -> Placement:
        """Return where a job runs."""
        return self.jobs.get(job, self.default)

    def placements(self, jobs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the arguments that put each job's task into its pool and queue, without jobs that need none."""
        found = {name: self.of(name).task_arguments() for name in jobs}
        return {name: arguments for name, arguments in found.items() if arguments}

    @property
    def choices(self) -> list[str]:
        """Return the environments that a run may choose, in order and each once."""
        named = [self.default.environment, *self.allowed, *(one.environment for one in self.jobs.values())]
        return list(dict.fromkeys(named))
