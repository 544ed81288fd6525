"""Asynchronous gRPC to Triton, as short as it can be: one prepared message out, two tensors back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from include.inference.errors import ApiError, unavailable
from include.inference.wire import Wire, WireUnfit
from include.projects.answers import outputs_of, problem

LABEL, PROBABILITIES = "LABEL", "PROBABILITIES"
CLASSES = "classification"
DATATYPES = {"f": "FP32", "d": "FP64", "l": "INT64", "q": "INT64", "O": "BYTES"}
LOAD_TIMEOUT_S = 60.0
CHECK_TIMEOUT_S = 1.0

# The server is back within a second after a crash: look for it often. Models answer large batches in one message.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a release said of n rows: class indices (n,) and probabilities (n, classes), or the outputs of another task."""

    labels: list[int]
    probabilities: np.ndarray
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


class ModelUnavailable(Exception):
    """The server cannot be reached, or does not have the model: trying again may help."""

    def __init__(self, release_id: str, reason: str, *, missing: bool) -> None:
        self.release_id, self.reason, self.missing = release_id, reason, missing
        super().__init__(f"{release_id}: {reason}")

    def to_api(self) -> ApiError:
        """Return what the caller gets when trying again did not help."""
        if self.missing:
            what = "see the model server's log for why it does not load; a rollback brings the release before"
            return unavailable("model_not_loaded", f"the model server does not have {self.release_id}: {self.reason}", what, 2)
        what = "send it again in a moment; if it lasts, see whether the model server runs (make status)"
        return unavailable("model_server_down", f"the model server cannot be reached: {self.reason}", what)


class ModelServer:
    """One gRPC channel to Triton. Make and use it inside the running event loop.

    Args:
        address: ``host:port`` of Triton's gRPC.
        timeout_s: how long to wait for one answer.
    """

    def __init__(self, address: str, timeout_s: float) -> None:
        import grpc
        from tritonclient.grpc import service_pb2, service_pb2_grpc

        self.address, self.timeout_s = address, timeout_s
        self.ready: dict[str, bool] = {}
        self._codes: Any = grpc.StatusCode
        self._connected = grpc.ChannelConnectivity.READY
        self._rpc_error = grpc.aio.AioRpcError
        self._messages: Any = service_pb2
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._wire = Wire(address, "/inference.GRPCInferenceService/ModelInfer")
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._loading: dict[str, asyncio.Task[None]] = {}

    async def infer(
        self,
        release_id: str,
        tensor: np.ndarray,
        *,
        task: str = "classification",
        timeout_s: float | None = None,
        wait: bool = False,
    ) -> Answer:
        """Run one release on rows.

        Args:
            release_id: the model's name in Triton.
            tensor: array of numbers (n, *shape) in C order, or objects of bytes (n, 1).
            task: of the project; says what the release answers.
            timeout_s: instead of the server's own.
            wait: wait within the timeout for a server that cannot be reached.

        Raises:
            ModelUnavailable: no server, or it does not have the model; may be tried again.
            ApiError: 504: no answer in time; 502: the release failed, or answered what no release may.
        """
        request = self._messages.ModelInferRequest(model_name=release_id)
        request.inputs.add(name="INPUT", datatype=DATATYPES[tensor.dtype.char], shape=tensor.shape)
        request.raw_input_contents.append(tensor.tobytes() if tensor.dtype.char != "O" else _packed(tensor))
        timeout = self.timeout_s if timeout_s is None else timeout_s
        try:
            response = None if wait else await self._short(request, release_id, timeout)
            if response is None:
                response = await self._stub.ModelInfer(request, timeout=timeout, wait_for_ready=wait or None)
        except self._rpc_error as error:
            raise self._explained(error, release_id, timeout) from error
        return (
            _answer(response, release_id, len(tensor)) if task == CLASSES else _outputs(response, release_id, len(tensor), task)
        )

    async def _short(self, request: Any, release_id: str, timeout_s: float) -> Any:
        """Return the answer by the short path, None where the call has to go through grpcio."""
        try:
            found = await self._wire.call(request.SerializeToString(), timeout_s)
        except WireUnfit:
            return None
        except TimeoutError as cause:
            raise _timed_out(release_id, timeout_s) from cause
        return self._messages.ModelInferResponse.FromString(found)

    async def live(self) -> str | None:
        """Return None where the server answers, else why not."""
        try:
            await self._stub.ServerLive(self._messages.ServerLiveRequest(), timeout=CHECK_TIMEOUT_S)
        except self._rpc_error as error:
            return _first_line(error)
        return None

    async def load(self, release_id: str) -> None:
        """Load a release's model; several callers at once share one load.

        Raises:
            ModelUnavailable: the server cannot be reached or cannot load it.
        """
        task = self._loading.get(release_id)
        if task is None:
            task = asyncio.create_task(self._load(release_id))
            self._loading[release_id] = task
            task.add_done_callback(lambda _: self._loading.pop(release_id, None))
        await asyncio.shield(task)

    async def keep_loaded(self, releases: Callable[[], Iterable[str]], every_s: float) -> None:
        """Look for ever whether all releases that are on a route are loaded, and load what is not.

        A model server that was started again has no model at all: nobody else brings them back.
        """
        while True:
            wanted = set(releases())
            for release_id in wanted:
                self.ready[release_id] = await self._is_ready(release_id)
                if not self.ready[release_id]:
                    try:
                        await self.load(release_id)
                        self.ready[release_id] = True
                    except ModelUnavailable as error:
                        _log.warning("%s", error)
            for gone in self.ready.keys() - wanted:
                del self.ready[gone]
            await asyncio.sleep(every_s)

    async def close(self) -> None:
        """Close the channel; answers under way fail."""
        for task in self._loading.values():
            task.cancel()
        self._wire.close()
        await self._channel.close()

    async def _is_ready(self, release_id: str) -> bool:
        try:
            found = await self._stub.ModelReady(self._messages.ModelReadyRequest(name=release_id), timeout=CHECK_TIMEOUT_S)
        except self._rpc_error:
            return False
        return bool(found.ready)

    async def _load(self, release_id: str) -> None:
        request = self._messages.RepositoryModelLoadRequest(model_name=release_id)
        try:
            await self._stub.RepositoryModelLoad(request, timeout=LOAD_TIMEOUT_S)
        except self._rpc_error as error:
            missing = error.code() is not self._codes.UNAVAILABLE
            raise ModelUnavailable(release_id, _first_line(error), missing=missing) from error
        _log.info("%s loaded again", release_id)

    def _explained(self, error: Any, release_id: str, timeout_s: float) -> Exception:
        code, reason = error.code(), _first_line(error)
        if code is self._codes.NOT_FOUND or (code is self._codes.UNAVAILABLE and release_id in reason):
            return ModelUnavailable(release_id, reason, missing=True)
        if code in (self._codes.UNAVAILABLE, self._codes.CANCELLED):
            return ModelUnavailable(release_id, reason, missing=False)
        if code is self._codes.DEADLINE_EXCEEDED:
            if self._channel.get_state() is not self._connected:
                return ModelUnavailable(release_id, f"no connection to {self.address} within {timeout_s:.1f} s", missing=False)
            return _timed_out(release_id, timeout_s)
        what = "see the model server's log; a rollback brings the release before"
        return ApiError(502, "model_failed", f"{release_id} failed: {reason}", what)


def _answer(response: Any, release_id: str, rows: int) -> Answer:
    raw = {
        output.name: (output, content) for output, content in zip(response.outputs, response.raw_output_contents, strict=False)
    }
    try:
        probabilities, content = raw[PROBABILITIES]
        values = np.frombuffer(content, np.float32).reshape(probabilities.shape)
        labels = np.frombuffer(raw[LABEL][1], np.int32).tolist()
        if values.ndim != 2 or len(values) != rows or len(labels) != rows or not np.isfinite(values).all():
            raise ValueError(f"{len(labels)} labels and probabilities of shape {values.shape} for {rows} rows")
        if not all(0 <= label < values.shape[1] for label in labels):
            raise ValueError(f"a label outside of the {values.shape[1]} classes")
    except (KeyError, ValueError) as cause:
        message = f"{release_id} answered without usable {LABEL} and {PROBABILITIES}: {cause}"
        raise ApiError(
            502, "bad_model_answer", message, "check the release's postprocess; a rollback brings the one before"
        ) from cause
    return Answer(labels, values)


def _outputs(response: Any, release_id: str, rows: int, task: str) -> Answer:
    """Return the outputs of a task other than classification."""
    wanted = outputs_of(task)
    found = {}
    try:
        for output, content in zip(response.outputs, response.raw_output_contents, strict=True):
            if output.name in wanted:
                found[output.name] = np.frombuffer(content, wanted[output.name].dtype).reshape(output.shape)
        if wrong := problem(found, task, rows, 0):
            raise ValueError(wrong)
    except ValueError as cause:
        message = f"{release_id} answered without usable outputs of {task}: {cause}"
        what = "check the release's postprocess; a rollback brings the one before"
        raise ApiError(502, "bad_model_answer", message, what) from cause
    return Answer([], np.empty((rows, 0)), found)


def _packed(tensor: np.ndarray) -> bytes:
    """Return bytes as the protocol writes them: each behind its length."""
    return b"".join(len(content).to_bytes(4, "little") + content for content in tensor[:, 0])


def _timed_out(release_id: str, timeout_s: float) -> ApiError:
    message = f"{release_id} gave no answer within {timeout_s:.1f} s"
    return ApiError(504, "timeout", message, "send fewer rows, or raise DEVMLOPS_TRITON_TIMEOUT_S", retry_after_s=1)


def _first_line(error: Any) -> str:
    return str(error.details() or error.code()).partition("\n")[0][:300]
