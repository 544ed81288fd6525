from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from include.clients.triton import TritonClient, TritonError
from include.settings import Settings

MODEL = """import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            x = pb.get_input_tensor_by_name(request, "X").as_numpy()
            if x.min() < 0:
                answers.append(pb.InferenceResponse([], pb.TritonError("below zero: 음수")))
            else:
                n = np.int32(x.sum(axis=1, keepdims=True))
                answers.append(pb.InferenceResponse([pb.Tensor("Y", x * 2), pb.Tensor("N", n)]))
        return answers
"""
CONFIG = """name: "NAME"
backend: "python"
max_batch_size: 64
input [ { name: "X" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 3 ] }, { name: "N" data_type: TYPE_INT32 dims: [ 1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""


def write_model(repository: Path, name: str, code: str = MODEL) -> str:
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "1" / "model.py").write_text(code, encoding="utf-8")
    (repository / name / "config.pbtxt").write_text(CONFIG.replace("NAME", name))
    return name


@pytest.fixture(scope="module")
def doubler(triton_server: Any) -> str:
    return write_model(triton_server.repository, "doubler")


def test_server_that_is_down_is_said_so_after_the_patience(free_port: Any) -> None:
    settings = Settings(triton_grpc_url=f"127.0.0.1:{free_port()}")
    with TritonClient(settings, patience_s=0.3) as client:
        assert not client.live()
        start = time.monotonic()
        with pytest.raises(TritonError, match=r"Start the model server \(`make up`\)") as caught:
            client.infer("digits-r0001", {"X": np.zeros((1, 3), np.float32)})
        assert 0.3 <= time.monotonic() - start < 2
        assert caught.value.down and caught.value.name == "digits-r0001" and caught.value.status == "UNAVAILABLE"


def test_server_that_accepts_and_never_answers_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Settings(triton_grpc_url=f"127.0.0.1:{listener.getsockname()[1]}")
        with TritonClient(settings) as client:
            start = time.monotonic()
            with pytest.raises(TritonError, match="did not answer in time"):
                client.load("x", timeout=0.5)
            assert time.monotonic() - start < 3


@pytest.mark.integration
def test_life_of_a_model(triton_server: Any, doubler: str) -> None:
    with TritonClient(triton_server.settings()) as client:
        assert client.live() and not client.ready(doubler)
        client.unload(doubler)
        client.load(doubler)
        client.load(doubler)
        assert client.ready(doubler) and client.index()[doubler] == {"version": "1", "state": "READY", "reason": ""}
        x = np.random.default_rng(0).uniform(0, 9, (64, 3)).astype(np.float32)
        answer = client.infer(doubler, {"X": x})
        np.testing.assert_array_equal(answer["Y"], x * 2)
        np.testing.assert_array_equal(answer["N"], np.int32(x.sum(axis=1, keepdims=True)))
        assert answer["N"].dtype == np.int32
        for _ in range(100):  # counted just after the answer is sent
            if (found := client.statistics(doubler))["inference_count"]:
                break
            time.sleep(0.02)
        assert found["inference_count"] == 64 and found["success"] == 1 and found["compute_s"] > 0
        client.unload(doubler)
        assert not client.ready(doubler)


@pytest.mark.integration
def test_errors_say_what_to_do(triton_server: Any, doubler: str) -> None:
    one = np.ones((1, 3), np.float32)
    broken = write_model(triton_server.repository, "broken", "raise ValueError('고장')\n")
    with TritonClient(triton_server.settings()) as client:
        with pytest.raises(TritonError, match=r"Build the release's package first: .* has no folder nothing") as caught:
            client.load("nothing")
        assert caught.value.status == "NOT_FOUND" and not caught.value.down
        with pytest.raises(TritonError, match=r"(?s)고장.*package in .*broken"):
            client.load(broken)
        assert not client.ready(broken)
        client.unload(doubler)
        with pytest.raises(TritonError, match="Load the release first"):
            client.infer("never-loaded", {"X": one})
        client.load(doubler)
        for wrong in ({"X": one[:, :2]}, {"X": one.astype(np.float64)}, {"Z": one}, {"X": np.ones((65, 3), np.float32)}):
            with pytest.raises(TritonError, match=r"names, shapes and types") as caught:
                client.infer(doubler, wrong)
            assert caught.value.status == "INVALID_ARGUMENT"
        with pytest.raises(TritonError, match=r"below zero: 음수.*failed on these rows"):
            client.infer(doubler, {"X": -one})
        np.testing.assert_array_equal(client.infer(doubler, {"X": one})["Y"], one * 2)


@pytest.mark.integration
def test_half_made_packages_are_not_in_the_index(triton_server: Any) -> None:
    (triton_server.repository / ".half").mkdir()
    with TritonClient(triton_server.settings()) as client:
        assert ".half" not in client.index()
    (triton_server.repository / ".half").rmdir()


@pytest.mark.integration
def test_stopped_server_is_not_waited_for(triton_server: Any, doubler: str) -> None:
    with TritonClient(triton_server.settings()) as client:
        client.load(doubler)
        os.kill(triton_server.process.pid, signal.SIGSTOP)
        while psutil.Process(triton_server.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        try:
            start = time.monotonic()
            with pytest.raises(TritonError, match="did not answer in time") as caught:
                client.infer(doubler, {"X": np.ones((1, 3), np.float32)}, timeout=0.4)
            assert time.monotonic() - start < 1.5 and caught.value.status == "DEADLINE_EXCEEDED"
        finally:
            os.kill(triton_server.process.pid, signal.SIGCONT)


@pytest.mark.integration
def test_the_same_client_goes_on_after_a_restart(triton_server: Any, doubler: str) -> None:
    one = np.ones((1, 3), np.float32)
    with TritonClient(triton_server.settings(), patience_s=15) as client:
        client.load(doubler)
        triton_server.kill()
        starter = threading.Timer(0.7, triton_server.start)
        starter.start()
        client.load(doubler)  # waits until somebody is there again
        starter.join()
        np.testing.assert_array_equal(client.infer(doubler, {"X": one})["Y"], one * 2)
