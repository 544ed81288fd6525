"""Talks to the Triton model server over gRPC."""

from __future__ import annotations

import time
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from tritonclient.utils import InferenceServerException

LOAD_TIMEOUT_S = 60.0
CONTROL_TIMEOUT_S = 5.0
CHANNEL = [
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_reconnect_backoff_ms", 500),  # a restarted server is found again at once
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


class TritonError(RuntimeError):
    """The model server did not do what it was asked.

    Attributes:
        name: the model, or the server's address where no model is meant.
        reason: what the server said.
        what_to_do: the next step.
        status: gRPC status, e.g. ``UNAVAILABLE``, ``DEADLINE_EXCEEDED``, ``NOT_FOUND``, ``INVALID_ARGUMENT``.
    """

    def __init__(self, name: str, reason: str, what_to_do: str, status: str = "UNKNOWN") -> None:
        self.name, self.reason, self.what_to_do, self.status = name, reason, what_to_do, status
        super().__init__(f"Triton, {name}: {reason} ({status}). {what_to_do}")

    @property
    def down(self) -> bool:
        """Whether the server could not be reached, so that another try may help."""
        return self.status == "UNAVAILABLE"


class TritonClient:
    """One gRPC channel to the model server; usable by many threads.

    Args:
        settings: `triton_grpc_url`, `triton_timeout_s` and `model_repository` are used.
        patience_s: how long a call goes on trying while the server cannot be reached, as when it is being restarted.
    """

    def __init__(self, settings: Settings, patience_s: float = 2.0) -> None:
        from tritonclient.grpc import InferenceServerClient

        self.settings, self.patience_s = settings, patience_s
        self.address = settings.triton_grpc_url
        self._client = InferenceServerClient(self.address, channel_args=CHANNEL)
        self._finalizer = weakref.finalize(self, _close, self._client)  # also at exit, before gRPC is torn down

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel."""
        self._finalizer()

    def live(self, timeout: float = 1.0) -> bool:
        """Return whether the server answers."""
        from tritonclient.utils import InferenceServerException

        try:
            return bool(self._client.is_server_live(client_timeout=timeout))
        except InferenceServerException:
            return False

    def load(self, name: str, timeout: float = LOAD_TIMEOUT_S) -> None:
        """Load the model ``name`` from the model repository; one that is loaded and unchanged stays as it is.

        Raises:
            TritonError: no such package, the package is broken, or the server does not answer within ``timeout`` seconds.
        """
        self._call(name, "load_model", name, client_timeout=timeout)

    def unload(self, name: str, timeout: float = LOAD_TIMEOUT_S) -> None:
        """Unload the model ``name``; requests under way are answered first. One that is not loaded is left alone.

        Raises:
            TritonError: the server does not answer within ``timeout`` seconds.
        """
        self._call(name, "unload_model", name, client_timeout=timeout)

    def ready(self, name: str, timeout: float = CONTROL_TIMEOUT_S) -> bool:
        """Return whether the model ``name`` answers inferences now.

        Raises:
            TritonError: the server cannot be reached.
        """
        return bool(self._call(name, "is_model_ready", name, client_timeout=timeout))

    def index(self, timeout: float = CONTROL_TIMEOUT_S) -> dict[str, dict[str, str]]:
        """Return every model of the repository: name -> ``{"version", "state", "reason"}``.

        ``state`` is ``READY``, ``UNAVAILABLE``, ``LOADING``, ``UNLOADING``, or empty for one that was never loaded.
        """
        found = self._call(self.address, "get_model_repository_index", client_timeout=timeout)
        models = [m for m in found.models if not m.name.startswith(".")]  # a package that is being built
        return {m.name: {"version": m.version, "state": m.state, "reason": m.reason} for m in models}

    def infer(self, name: str, inputs: dict[str, np.ndarray], timeout: float | None = None) -> dict[str, np.ndarray]:
        """Run the model ``name`` on ``inputs``.

        Args:
            name: the model, i.e. the release id.
            inputs: input name -> array whose first axis is the batch.
            timeout: seconds to wait; `Settings.triton_timeout_s` where none is given.

        Returns:
            Output name -> array whose first axis is the batch.

        Raises:
            TritonError: not loaded, wrong shape or type, the model failed on these rows, no answer in time, server down.
        """
        from tritonclient.grpc import InferInput
        from tritonclient.utils import np_to_triton_dtype

        tensors = []
        for key, array in inputs.items():
            tensor = InferInput(key, list(array.shape), np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        timeout = self.settings.triton_timeout_s if timeout is None else timeout
        answer = self._call(name, "infer", name, tensors, client_timeout=timeout)
        return {output.name: answer.as_numpy(output.name) for output in answer.get_response().outputs}

    def statistics(self, name: str, timeout: float = CONTROL_TIMEOUT_S) -> dict[str, Any]:
        """Return what the model ``name`` did since it was loaded.

        Returns:
            ``inference_count`` (rows), ``execution_count`` (batches), ``success`` and ``fail`` (requests),
            and mean seconds a request spent in ``queue_s`` and ``compute_s``.
        """
        found = self._call(name, "get_inference_statistics", name, client_timeout=timeout).model_stats[0]
        spent = found.inference_stats
        requests = max(spent.success.count, 1)
        return {
            "inference_count": found.inference_count,
            "execution_count": found.execution_count,
            "success": spent.success.count,
            "fail": spent.fail.count,
            "queue_s": spent.queue.ns / requests / 1e9,
            "compute_s": spent.compute_infer.ns / requests / 1e9,
        }

    def _call(self, subject: str, method: str, *args: Any, **kwargs: Any) -> Any:
        from tritonclient.utils import InferenceServerException

        give_up = time.monotonic() + min(self.patience_s, kwargs["client_timeout"])
        while True:
            try:
                return getattr(self._client, method)(*args, **kwargs)
            except InferenceServerException as cause:
                error = self._error(subject, method, cause)
                if not error.down or time.monotonic() >= give_up:
                    raise error from cause
            time.sleep(0.1)

    def _error(self, subject: str, method: str, cause: InferenceServerException) -> TritonError:
        status = str(cause.status() or "UNKNOWN").removeprefix("StatusCode.")
        reason = str(cause.message() or "no reason given").removeprefix("[request id: <id_unknown>] ")
        repository = self.settings.model_repository
        if "failed to poll from model repository" in reason and not (repository / subject).is_dir():
            status = "NOT_FOUND"
        if status == "UNAVAILABLE":
            advice = f"Start the model server (`make up`) or check that it listens at {self.address}."
        elif status == "DEADLINE_EXCEEDED":
            advice = f"The server at {self.address} did not answer in time: look at its load and its log."
        elif status == "NOT_FOUND" and method == "load_model":
            advice = f"Build the release's package first: {repository} has no folder {subject}."
        elif status == "NOT_FOUND":
            advice = "Load the release first, or deploy it again."
        elif status == "INVALID_ARGUMENT" and method == "infer":
            advice = "Send the inputs in the names, shapes and types that the release's config.pbtxt gives."
        elif method == "infer":
            advice = "The release's inference code or model failed on these rows: look at them and at its preprocess."
        else:
            advice = f"Look at the model server's log and at the package in {repository / subject}."
        return TritonError(subject, reason, advice, status)


def _close(client: Any) -> None:
    client.close()
    client.close = lambda: None  # its __del__ closes again and would print a traceback at exit (tritonclient 2.73)
