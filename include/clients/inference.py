"""Talks to the inference AP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from include.clients.tls import trusted
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np

CONNECT_RETRIES = 2
LOOK_EVERY_S = 0.05


class InferenceError(RuntimeError):
    """The AP did not answer, or answered with an error.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        code: the AP's name of the error, ``unreachable`` where there was no answer.
        message: what is wrong.
        what_to_do: the next step.
        field: place in the request, where one is at fault.
    """

    def __init__(self, status: int, code: str, message: str, what_to_do: str, field: str | None = None) -> None:
        self.status, self.code, self.message, self.what_to_do, self.field = status, code, message, what_to_do, field
        super().__init__(f"inference AP: {message} ({code}, {status}). {what_to_do}")


class InferenceClient:
    """One connection pool to the AP; may be used by many threads.

    Args:
        settings: ``inference_url`` and, for `refresh`, ``inference_admin_token``.
        timeout_s: for one call; by default two seconds more than the AP itself waits for the model server.
    """

    def __init__(self, settings: Settings, timeout_s: float | None = None) -> None:
        self.url = settings.inference_url.rstrip("/")
        self._token = settings.inference_admin_token
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout_s or settings.triton_timeout_s + 2,
            transport=httpx.HTTPTransport(verify=trusted(settings) or True, retries=CONNECT_RETRIES),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def infer(
        self, project: str, inputs: np.ndarray | Sequence[Any], route: str = "production", request_id: str | None = None
    ) -> dict[str, Any]:
        """Return the AP's answer for rows: ``request_id``, ``release_id``, ``model``, ``predictions``, ``duration_ms``.

        Args:
            project: the project's name.
            inputs: rows, an array (n, *shape) or nested lists.
            route: ``production`` or ``staging``.
            request_id: names the request in the prediction log; the AP makes one where none is given.

        Raises:
            InferenceError: no answer.
        """
        rows = inputs if isinstance(inputs, list | tuple) else inputs.tolist()  # type: ignore[union-attr]
        body = {"inputs": rows} | ({} if request_id is None else {"request_id": request_id})
        return self._call("POST", f"/v1/projects/{project}/routes/{route}/infer", json=body)

    def truths(self, project: str, truths: Mapping[str, Sequence[str]]) -> int:
        """Tell late true answers, request id -> labels, and return how many were kept.

        Raises:
            InferenceError: none was kept.
        """
        body = {"truths": [{"request_id": name, "labels": list(labels)} for name, labels in truths.items()]}
        return int(self._call("POST", f"/v1/projects/{project}/truths", json=body)["kept"])

    def refresh(self) -> dict[str, Any]:
        """Make the AP read its routes now, and return them: ``{"changed", "routes"}``.

        Raises:
            InferenceError: it cannot, or the admin token is wrong.
        """
        token = self._token.get_secret_value().encode()
        return self._call("POST", "/v1/admin/refresh", headers={b"Authorization": b"Bearer " + token} if token else {})

    def status(self, project: str) -> dict[str, Any]:
        """Return what the AP serves for a project.

        Raises:
            InferenceError: no answer, or no such project.
        """
        return self._call("GET", f"/v1/projects/{project}")

    def ready(self) -> dict[str, Any]:
        """Return the AP's readiness: ``{"ready", "problems", "routes", ...}``, ready or not.

        Raises:
            InferenceError: no answer at all.
        """
        return self._call("GET", "/readyz", good=(200, 503))

    def wait_for_release(self, project: str, route: str, release_id: str, timeout_s: float = 5.0) -> float:
        """Wait until the AP answers a route with a release, and return how many seconds that took.

        Raises:
            InferenceError: it does not within ``timeout_s``; code ``not_switched`` where it answers with another.
        """
        begin = time.monotonic()
        while True:
            error: InferenceError | None = None
            found: str | None = None
            try:
                routes = self.status(project)["routes"]
                found = next((entry["release_id"] for entry in routes if entry["route"] == route), None)
            except InferenceError as cause:
                if cause.status == 404:
                    raise
                error = cause
            took = time.monotonic() - begin
            if found == release_id:
                return took
            if took >= timeout_s:
                message = f"route {route} of {project} is on {found or 'no release'}, not on {release_id}, after {timeout_s:g} s"
                raise error or InferenceError(409, "not_switched", message, f"see {self.url}/readyz for what the AP is missing")
            time.sleep(LOOK_EVERY_S)

    def _call(self, method: str, path: str, *, good: tuple[int, ...] = (200,), **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as cause:
            what = "see whether the inference AP runs (make status) and DEVMLOPS_INFERENCE_URL is right"
            message = f"no answer from {self.url}: {type(cause).__name__}: {cause}"
            raise InferenceError(0, "unreachable", message, what) from cause
        try:
            data = response.json()
        except ValueError:
            data = None
        if response.status_code in good and isinstance(data, dict):
            return data
        error = data.get("error") if isinstance(data, dict) else None
        if not isinstance(error, dict):
            message = f"{self.url}{path} answered {response.status_code} without JSON"
            raise InferenceError(response.status_code, "bad_answer", message, "is DEVMLOPS_INFERENCE_URL the inference AP's?")
        raise InferenceError(
            response.status_code,
            str(error.get("code", "unknown")),
            str(error.get("message", "")),
            str(error.get("what_to_do", "")),
            error.get("field"),
        )
