"""A job in a pod, by the Kubernetes provider's operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager, PodPhase
from airflow.sdk.exceptions import AirflowException
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from include.jobs import JobLost, NotHere
from include.jobs import kubernetes as what
from include.jobs.output import Output
from include.jobs.request import OnLine, Request

if TYPE_CHECKING:
    from airflow.sdk import Context
    from kubernetes.client import CoreV1Api, V1Pod

CHECK_S = 1
LAST_LINES = 20
GONE_WITHIN_S = 60


class _Lines(PodManager):
    """The provider's pod manager, which gives the job's lines to the task as they are, and takes no other pod for its own."""

    def __init__(self, client: CoreV1Api, take: Callable[[str], None]) -> None:
        super().__init__(kube_client=client)
        self._take = take

    def _log_message(self, message: str, *args: Any, **kwargs: Any) -> None:
        self._take(message)

    def read_pod(self, pod: V1Pod) -> V1Pod:
        """Return the pod as it is now; one of the same name that took its place is not it."""
        found = super().read_pod(pod)
        if found.metadata.uid != pod.metadata.uid:
            raise ApiException(status=404, reason="another try of this task put a new pod in its place")
        return found


class PodJobOperator(KubernetesPodOperator):
    """The provider's operator around a pod that is found again by its name, with the end of the job told apart.

    The provider (10.25.0) looks for the pod of an earlier try by labels and fails where two tries make one at once;
    the job's id as the pod's name lets Kubernetes itself see to it that there is one.

    Args:
        request: the job.
        kwargs: everything else that KubernetesPodOperator takes.

    Returns:
        The job's result.
    """

    def __init__(self, *, request: Request, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request = request
        self.task_context: Context | None = None
        self.written: Output | None = None

    @classmethod
    def of(cls, request: Request, context: Context) -> PodJobOperator:
        """Return the operator for a job of the task that runs now."""
        environment = request.environment
        made = cls(
            task_id=context["task_instance"].task_id,
            request=request,
            name=request.id,
            namespace=environment.namespace,
            labels={"devmlops.io/digest": request.digest},
            pod_template_dict=what.pod(request),
            random_name_suffix=False,
            kubernetes_conn_id=environment.connection or "kubernetes_default",
            do_xcom_push=False,
            startup_check_interval_seconds=CHECK_S,
            startup_timeout_seconds=int(environment.start_minutes * 60) or 1,
            schedule_timeout_seconds=int(environment.start_minutes * 60) or 1,
            log_events_on_failure=False,
            log_pod_spec_on_failure=False,
            termination_grace_period=what.GRACE_S,
            automount_service_account_token=environment.service_account is not None,
        )
        made.task_context = context
        return made

    def run(self, on_line: OnLine) -> dict[str, Any]:
        """Run the job, or go on with that of an earlier try.

        Raises:
            include.jobs.JobFailed: see `include.jobs.kubernetes.ending`.
        """
        assert self.task_context is not None
        output = self.written = Output(self.request, on_line)
        problem: Exception | None = None
        try:
            self.execute_sync(self.task_context)
        except (AirflowException, ApiException, HTTPError) as cause:
            problem = cause
        found, answered = self._last()
        try:
            if not answered and not self._killed:
                raise JobLost(self.request.name, f"Kubernetes does not answer ({_said(problem)})", output.tail)
            self._refused(problem)
            self._read_result(found)
            return what.ending(output, found, problem, self._killed)
        finally:
            if answered:
                self._remove()

    def kill(self) -> None:
        """End the job and remove its pod; calling it again does nothing."""
        self._killed = True
        self._remove()

    def on_kill(self) -> None:
        """End the job; calling it again does nothing."""
        self.kill()

    @cached_property
    def pod_manager(self) -> PodManager:
        """Return the provider's pod manager, with the job's lines on their way to the task."""
        assert self.written is not None
        return _Lines(self.client, self.written.take)

    def find_pod(self, namespace: str, context: Context, *, exclude_checked: bool = True) -> V1Pod | None:
        """Return the pod of this try."""
        return self._own()

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Context) -> V1Pod:
        """Return the pod that runs the job: that of an earlier try, or a new one."""
        assert self.written is not None
        until = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < until and not self._killed:
            found = self._read()
            if found is None:
                try:
                    self._make_secret()
                    made = self.client.create_namespaced_pod(self.request.environment.namespace, pod_request_obj)
                except ApiException as refused:
                    if refused.status != 409:  # another try of this task was faster
                        raise
                    continue
                self._own_secret(made.metadata.uid)
                if self._killed:
                    self._delete_pod(made)
                return made
            mine = (found.metadata.labels or {}).get("devmlops.io/digest") == self.request.digest
            if found.metadata.deletion_timestamp or not mine or found.status.phase in (PodPhase.FAILED, PodPhase.UNKNOWN):
                if not found.metadata.deletion_timestamp:
                    self._delete_pod(found)
                time.sleep(CHECK_S / 2)
                continue
            self.written.say(f"going on with the pod {found.metadata.name} of an earlier try")
            self._own_secret(found.metadata.uid)  # of a try that died before it could
            return found
        raise AirflowException(f"the pod {self.request.id} of an earlier try does not go away")

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, xcom_result: Any = None, context: Any = None) -> None:
        """Leave the pod: `run` looks at how it ended before it removes it."""

    def _read(self) -> V1Pod | None:
        try:
            return self.client.read_namespaced_pod(self.request.id, self.request.environment.namespace)
        except ApiException as problem:
            if problem.status != 404:
                raise
            return None

    def _own(self) -> V1Pod | None:
        """Return the job's pod, unless it is another than the one that this try began with."""
        found = self._read()
        return None if found and self.pod and found.metadata.uid != self.pod.metadata.uid else found

    def _last(self) -> tuple[dict[str, Any] | None, bool]:
        """Return the pod as it is now, and whether Kubernetes answered."""
        try:
            found = self._own()
            return self.client.api_client.sanitize_for_serialization(found) if found else None, True
        except (ApiException, HTTPError, AirflowException):
            return None, False

    def _read_result(self, found: dict[str, Any] | None) -> None:
        """Look for the result in the log's end, where following it was interrupted just before that."""
        assert self.written is not None
        if self.written.result is None and found and found["status"].get("phase") == PodPhase.SUCCEEDED:
            namespace = self.request.environment.namespace
            text = self.client.read_namespaced_pod_log(
                self.request.id, namespace, container=what.CONTAINER, tail_lines=LAST_LINES
            )
            for line in text.split("\n"):
                self.written.find_result(line)

    def _refused(self, problem: Exception | None) -> None:
        """Raise what people can mend, where Kubernetes refused the pod or its secret."""
        if not isinstance(problem, ApiException) or problem.status not in (400, 401, 403, 404, 422) or self._killed:
            return
        if problem.status == 404 and self.pod is not None:
            return  # the pod is gone, not refused
        advice = {
            401: "correct the credential of the environment's connection",
            403: "let the connection's account make pods and secrets in that namespace, or raise its quota",
            404: "correct namespace of the environment, or make it",
        }.get(int(problem.status), "correct the environment")
        raise NotHere(self.request.name, self.request.environment.name, f"Kubernetes refuses it: {_said(problem)}", advice)

    def _make_secret(self) -> None:
        wanted, namespace = what.secret(self.request), self.request.environment.namespace
        if wanted is None:
            return
        try:
            self.client.create_namespaced_secret(namespace, wanted)
        except ApiException as problem:
            if problem.status != 409:
                raise
            self.client.replace_namespaced_secret(self.request.id, namespace, wanted)  # of a try that died before its pod

    def _own_secret(self, uid: str) -> None:
        """Let the secret belong to the pod, so that it goes with it, whoever removes that."""
        wanted = what.secret(self.request, uid)
        if wanted is None:
            return
        try:
            self.client.replace_namespaced_secret(self.request.id, self.request.environment.namespace, wanted)
        except ApiException as problem:
            if problem.status != 404:
                raise

    def _delete_pod(self, pod: V1Pod | None) -> None:
        """Delete this pod and no other of its name; None is whichever has it."""
        only = {"preconditions": {"uid": pod.metadata.uid}} if pod else {}
        try:
            self.client.delete_namespaced_pod(
                self.request.id,
                self.request.environment.namespace,
                body={"gracePeriodSeconds": what.GRACE_S, **only},
            )
        except ApiException as problem:
            if problem.status not in (404, 409):
                raise

    def _remove(self) -> None:
        """Remove pod and secret; where Kubernetes does not answer, the next try finds the pod by its name.

        The secret belongs to the pod and goes with it. A try that came to no pod removes one only where it is killed:
        another may have made it meanwhile.
        """
        try:
            if self.pod or self._killed:
                self._delete_pod(self.pod)
            if self.pod is None and what.secret(self.request) is not None and (self._killed or self._read() is None):
                self.client.delete_namespaced_secret(self.request.id, self.request.environment.namespace)
        except (ApiException, HTTPError, AirflowException) as problem:
            if getattr(problem, "status", None) != 404:
                self.log.warning("the pod %s could not be removed: %s", self.request.id, _said(problem))


def _said(problem: Exception | None) -> str:
    body = getattr(problem, "body", None) or str(problem)
    return " ".join(str(body).split())[:300]
