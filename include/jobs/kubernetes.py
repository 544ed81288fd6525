"""Running a job in a pod: what is asked of Kubernetes, and what a pod's end means.

The pod runs as no root, without capabilities, on a read-only file system beside folders in memory, and with the limits
of its environment. Its name is the job's id: a try that comes later finds it and goes on with it. Credentials of the
product come by a secret of the job's own, which belongs to the pod and goes with it; those that the environment names
come from the secrets that are there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.jobs.errors import JobFailed, JobKilled, JobLost, JobUnplaced, NotHere, image_problem
from include.jobs.output import Output
from include.jobs.request import HOME, Request

CONTAINER = "base"
NOBODY = 65534
GRACE_S = 8
GPU = "nvidia.com/gpu"
QUEUE = "devmlops.io/queue"
IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
NODE_REASONS = ("NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "NodeAffinity", "UnexpectedAdmissionError")


def pod(request: Request) -> dict[str, Any]:
    """Return the pod of a job, as the API of Kubernetes takes it."""
    environment = request.environment
    plain = {"HOME": HOME, **request.variables()}
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in plain.items()]
    variables += [_from_secret(name, request.id, name) for name in secret_values(request)]
    for name, where in environment.secrets.items():
        if where.startswith("kubernetes:"):
            secret, _, key = where.removeprefix("kubernetes:").partition("/")
            variables.append(_from_secret(name, secret, key))
    volumes, mounts = _volumes(request)
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        "automountServiceAccountToken": environment.service_account is not None,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": CONTAINER,
                "image": environment.image,
                "command": request.command(request.uri()),
                "env": variables,
                "resources": _resources(request),
                "volumeMounts": mounts,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "privileged": False,
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
        "volumes": volumes,
    }
    if environment.timeout_s:
        spec["activeDeadlineSeconds"] = max(1, int(environment.timeout_s))
    if environment.priority:
        spec["priorityClassName"] = environment.priority
    if environment.service_account:
        spec["serviceAccountName"] = environment.service_account
    if environment.queue:
        spec["nodeSelector"] = {QUEUE: environment.queue}
    if environment.gpu:  # nodes with GPUs commonly keep everything else away
        spec["tolerations"] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    metadata = {
        "name": request.id,
        "namespace": environment.namespace,
        "labels": request.labels(),
        "annotations": {"devmlops.io/title": request.project.title, "devmlops.io/owner": request.project.owner},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def secret_values(request: Request) -> dict[str, str]:
    """Return what goes into the job's own secret: all secret variables that no secret of the environment gives."""
    named = {name for name, where in request.environment.secrets.items() if where.startswith("kubernetes:")}
    return {name: value for name, value in request.secret_variables().items() if name not in named}


def secret(request: Request, owner_uid: str | None = None) -> dict[str, Any] | None:
    """Return the job's own secret, None where it needs none.

    Args:
        request: the job.
        owner_uid: of the pod that it belongs to; Kubernetes removes it with that.
    """
    values = secret_values(request)
    if not values:
        return None
    metadata: dict[str, Any] = {"name": request.id, "namespace": request.environment.namespace, "labels": request.labels()}
    if owner_uid:
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": request.id, "uid": owner_uid}]
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "stringData": values}


def ending(output: Output, found: Mapping[str, Any] | None, problem: Exception | None, killed: bool = False) -> dict[str, Any]:
    """Return the result of a job whose pod is done with.

    Args:
        output: what it wrote.
        found: the pod as it was seen last, as the API gives it; None where it is gone.
        problem: what kept it from being followed to its end.
        killed: its task wanted it ended.

    Raises:
        JobFailed: the class says what happened, the message what to do.
    """
    job, environment = output.request.name, output.request.environment
    if killed:
        raise JobKilled(job, 15, output.tail)
    if found is None:
        if output.result is not None:  # another try of this task saw the end first, and cleaned up
            return output.outcome(0)
        raise JobLost(job, f"its pod is gone, as when its node went away or somebody deleted it{_because(problem)}", output.tail)
    status = found.get("status") or {}
    phase, reason, said = status.get("phase"), status.get("reason") or "", status.get("message") or ""
    if phase == "Succeeded":
        return output.outcome(0)
    if reason == "DeadlineExceeded":
        return output.outcome(143, timed_out=True)
    if reason == "Evicted":
        advice = "give the environment more memory or a queue with larger nodes, where that keeps happening"
        raise JobLost(job, f"its node evicted it ({said}); {advice}", output.tail)
    disrupted = next((one for one in status.get("conditions") or () if one.get("type") == "DisruptionTarget"), None)
    if phase == "Unknown" or reason in NODE_REASONS or (disrupted and disrupted.get("status") == "True"):
        what = said or (disrupted or {}).get("message") or reason or "its state is unknown"
        raise JobLost(job, f"its node went away or was needed for others ({what})", output.tail)
    state = next((one.get("state") or {} for one in status.get("containerStatuses") or () if one.get("name") == CONTAINER), {})
    if ended := state.get("terminated"):
        if ended.get("reason") in ("ContainerCannotRun", "StartError"):
            return output.outcome(127)
        return output.outcome(int(ended.get("exitCode") or 0), oom=ended.get("reason") == "OOMKilled")
    if phase == "Pending":
        raise _pending(job, environment.name, str(environment.image), status, state.get("waiting") or {}, problem)
    if phase == "Failed":
        raise JobFailed(job, 1, output.tail, f"job {job}: its pod failed before the job began: {reason} {said}".rstrip())
    raise JobLost(job, f"Kubernetes does not answer{_because(problem)}", output.tail)


def _pending(
    job: str, environment: str, image: str, status: Mapping[str, Any], waiting: Mapping[str, Any], problem: Exception | None
) -> JobFailed:
    reason, said = waiting.get("reason") or "", waiting.get("message") or ""
    if reason in IMAGE_REASONS:
        return image_problem(job, image, f"{reason}: {said}".rstrip(": "))
    if reason in CONFIG_REASONS:
        return NotHere(job, environment, f"{reason}: {said}", "correct its secrets and references")
    conditions = status.get("conditions") or ()
    unplaced = next((one for one in conditions if one.get("type") == "PodScheduled" and one.get("status") == "False"), None)
    if unplaced:
        return JobUnplaced(job, f"the scheduler says: {unplaced.get('message') or unplaced.get('reason')}")
    return JobUnplaced(job, f"its pod did not start in time{_because(problem)}")


def _because(problem: Exception | None) -> str:
    return f" ({' '.join(str(problem).split())[:300]})" if problem else ""


def _from_secret(name: str, secret_name: str, key: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret_name, "key": key}}}


def _resources(request: Request) -> dict[str, Any]:
    one = request.environment
    wanted = {"cpu": f"{one.cpu:g}" if one.cpu else None, "memory": str(one.memory_bytes) if one.memory else None}
    wanted[GPU] = str(int(one.gpu)) if one.gpu else None
    limits = {name: value for name, value in wanted.items() if value}
    return {"limits": limits, "requests": limits} if limits else {}


def _volumes(request: Request) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    memory = request.environment.memory_bytes
    shared = {"medium": "Memory", **({"sizeLimit": str(memory // 2)} if memory else {})}
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}, {"name": "shm", "emptyDir": shared}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}]
    for number, (name, one) in enumerate(request.environment.references.items()):
        claim, _, path = one.source.removeprefix("claim:").partition("/")
        volume = f"reference-{number}"
        volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": claim, "readOnly": one.read_only}})
        mount = {"name": volume, "mountPath": request.environment.target(name), "readOnly": one.read_only}
        mounts.append({**mount, "subPath": path} if path else mount)
    return volumes, mounts
