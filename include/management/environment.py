"""What an environment of jobs is: where a job runs, with how much, and with which settings."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from include.errors import FinalError
from include.projects.parts import Part
from include.projects.sizes import checked, in_bytes

Runtime = Literal["local", "docker", "kubernetes", "ray"]
NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
# The grammar of the distribution project: registry, path of lower-case parts, tag, digest.
IMAGE = re.compile(
    r"(?:(?:localhost|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9-]+(?=:))(?::\d{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
LABEL = r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
DNS = r"^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$"
SECRET = re.compile(r"(?:connection:[\w.-]{1,200}?(?:#(?:password|login|uri))?|kubernetes:[a-z0-9][a-z0-9.-]*/[\w.-]+)", re.ASCII)
LOOKS_SECRET = re.compile(r"(?:SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE_KEY|API_KEY|CREDENTIALS?)(?:_|$)", re.IGNORECASE)
FORBIDDEN_SOURCES = ("/proc", "/sys", "/dev", "/var/run/docker.sock", "/run/docker.sock")
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]

# What a runtime can do something with. Everything else is refused, so that no wish is silently forgotten.
_ALL = {"name", "runtime", "description", "cpu", "gpu", "memory", "env", "secrets", "references", "timeout_minutes"}
MEANS: dict[str, set[str]] = {
    "local": _ALL,
    "docker": _ALL | {"image", "network", "connection"},
    "kubernetes": _ALL | {"image", "namespace", "queue", "priority", "connection", "start_minutes", "service_account"},
    "ray": _ALL | {"queue", "connection", "start_minutes"},
}


class EnvironmentRefused(FinalError, ValueError):
    """An environment that cannot be kept, is not there, or may not be used."""


class Reference(Part):
    """A file or folder that jobs read: the variable ``DEVMLOPS_REFERENCE_<NAME>`` tells them where it is."""

    source: str = Field(
        min_length=1,
        max_length=1000,
        description="Where it is: a path of the machine or node; on Kubernetes claim:NAME or claim:NAME/path of a volume claim.",
    )
    target: str | None = Field(
        None,
        pattern=r"^/[^:[:cntrl:]]{1,500}$",
        description="Where a container sees it; /references/<name> where it is not given.",
    )
    read_only: bool = Field(True, description="Whether jobs may only read it, where the runtime can see to that.")


class Environment(Part):
    """Where a job runs, with how much, and with which settings; a change of it is a new version."""

    name: str = Field(pattern=NAME.pattern, description="Lower-case letters, digits, - and _; a letter first.")
    runtime: Runtime = Field(description="In the task, a Docker container, a pod, or a job of a Ray cluster.")
    description: str = Field("", max_length=1000, description="For people, in any language.")
    image: str | None = Field(None, max_length=400, description="Container image that holds the product (see Dockerfile).")
    cpu: float | None = Field(None, gt=0, le=4096, description="Processors; no limit where it is not given.")
    memory: str | None = Field(None, description="For all processes of a job, such as 512Mi or 4Gi; no limit where not given.")
    gpu: float | None = Field(
        None,
        ge=0,
        le=1024,
        description="GPUs; a fraction of one on Ray alone. Not given: what the machine has in a local job, else none. 0: none.",
    )
    queue: str | None = Field(
        None, pattern=LABEL, description="Kubernetes: nodes labelled devmlops.io/queue; Ray: nodes with that custom resource."
    )
    priority: str | None = Field(None, pattern=DNS, description="Kubernetes priority class.")
    env: dict[VariableName, str] = Field({}, description="Variables of the job; DEVMLOPS_* ones override the product's settings.")
    secrets: dict[VariableName, str] = Field(
        {}, description="Variables whose values are secret, by name: connection:ID, connection:ID#login or kubernetes:NAME/KEY."
    )
    references: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Reference] = Field(
        {}, description="Files and folders that jobs read, by name."
    )
    network: str = Field(
        "host",
        pattern=LABEL,
        description="Docker network. host reaches engines that listen on this machine alone; name one of your own otherwise.",
    )
    namespace: str = Field("default", pattern=DNS, description="Kubernetes namespace.")
    service_account: str | None = Field(None, pattern=DNS, description="Kubernetes service account of the pod.")
    connection: str | None = Field(
        None, pattern=r"^[\w.-]{1,200}$", description="Airflow connection of the Docker registry, Kubernetes or Ray cluster."
    )
    timeout_minutes: float | None = Field(None, gt=0, le=60 * 24 * 31, description="A job that takes longer is ended.")
    start_minutes: float = Field(10, gt=0, le=60 * 24, description="How long a job may wait for a place on the cluster.")

    @field_validator("image")
    @classmethod
    def _image(cls, value: str | None) -> str | None:
        if value is not None and not IMAGE.fullmatch(value):
            raise ValueError(
                f"{value!r} is no image name: write [registry/]path[:tag][@sha256:...], path in lower case, no spaces"
            )
        return value

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        return value if value is None else checked(value)

    @field_validator("env")
    @classmethod
    def _env(cls, value: dict[str, str]) -> dict[str, str]:
        for name, content in value.items():
            if LOOKS_SECRET.search(name) or re.search(r"://[^/@\s]*:[^/@\s]+@", content):
                raise ValueError(
                    f"{name} looks like a secret: name it under secrets, such as connection:ID, and give no value here"
                )
            if "\0" in content or len(content) > 10_000:
                raise ValueError(f"{name} is longer than 10000 characters, or holds a zero byte")
        return value

    @field_validator("secrets")
    @classmethod
    def _secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, where in value.items():
            if not SECRET.fullmatch(where):  # the text may be a secret that was put here by mistake, so it is not repeated
                raise ValueError(
                    f"{name} must name where the secret is: connection:ID, connection:ID#login or kubernetes:NAME/KEY"
                )
        return value

    @model_validator(mode="after")
    def _means(self) -> Environment:
        given = self.model_fields_set - MEANS[self.runtime]
        if unused := sorted(name for name in given if getattr(self, name) != type(self).model_fields[name].default):
            raise ValueError(f"{', '.join(unused)} means nothing to the runtime {self.runtime}: leave it out")
        if self.runtime in ("docker", "kubernetes") and not self.image:
            raise ValueError(f"the runtime {self.runtime} needs image")
        if self.gpu and self.gpu % 1 and (self.runtime != "ray" or self.gpu > 1):
            raise ValueError("gpu must be a whole number; a fraction of one GPU is for the runtime ray")
        if both := sorted(set(self.env) & set(self.secrets)):
            raise ValueError(f"{', '.join(both)} stands in env and in secrets")
        if self.runtime != "kubernetes" and any(where.startswith("kubernetes:") for where in self.secrets.values()):
            raise ValueError(f"secrets: kubernetes:NAME/KEY means nothing to the runtime {self.runtime}: take connection:ID")
        return self

    @model_validator(mode="after")
    def _references(self) -> Environment:
        targets = [self.target(name) for name in self.references]
        if len(set(targets)) != len(targets):
            raise ValueError("references: two have the same target")
        for name, one in self.references.items():
            claim = one.source.startswith("claim:")
            if claim != (self.runtime == "kubernetes"):
                wanted = "claim:NAME or claim:NAME/path" if self.runtime == "kubernetes" else "a path that begins with /"
                raise ValueError(f"references.{name}.source: the runtime {self.runtime} takes {wanted}")
            if claim and not re.fullmatch(r"claim:[a-z0-9][a-z0-9.-]{0,61}(?:/[^/\0][^\0]*)?", one.source):
                raise ValueError(f"references.{name}.source: write claim:NAME or claim:NAME/path")
            if not claim and (not one.source.startswith("/") or "\0" in one.source or ".." in one.source.split("/")):
                raise ValueError(f"references.{name}.source: write a path that begins with / and holds no ..")
            plain = one.source.rstrip("/") or "/"
            if plain == "/" or any(plain == bad or plain.startswith(bad + "/") for bad in FORBIDDEN_SOURCES):
                raise ValueError(f"references.{name}.source: {plain} gives a job power over the machine; name a folder with data")
            if one.target and self.runtime in ("local", "ray"):
                raise ValueError(f"references.{name}.target means nothing to the runtime {self.runtime}: leave it out")
        return self

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory limit in bytes."""
        return in_bytes(self.memory) if self.memory else None

    @property
    def timeout_s(self) -> float | None:
        """Return the time limit in seconds."""
        return self.timeout_minutes * 60 if self.timeout_minutes else None

    def limited(self, timeout_minutes: float | None, memory: str | None) -> Environment:
        """Return it with these limits, where they are narrower than its own."""
        changed: dict[str, Any] = {}
        if timeout_minutes and timeout_minutes < (self.timeout_minutes or float("inf")):
            changed["timeout_minutes"] = timeout_minutes
        if memory and in_bytes(memory) < (self.memory_bytes or float("inf")):
            changed["memory"] = memory
        return self.model_copy(update=changed)

    def target(self, name: str) -> str:
        """Return where a job finds the reference ``name``."""
        one = self.references[name]
        return one.source if self.runtime in ("local", "ray") else one.target or f"/references/{name}"

    def variables(self) -> dict[str, str]:
        """Return the variables that a job gets, without the secret ones."""
        found = {f"DEVMLOPS_REFERENCE_{name.upper()}": self.target(name) for name in self.references}
        return {**found, **self.env}
