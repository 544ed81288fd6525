"""Asynchronous gRPC to the real Triton, by the short path and by grpcio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from include.inference.errors import ApiError
from include.inference.model_server import ModelServer, ModelUnavailable

if TYPE_CHECKING:
    from tests.fixtures.inference import InferenceAP

pytestmark = pytest.mark.integration


@pytest.fixture
async def server(inference_ap: InferenceAP) -> AsyncIterator[ModelServer]:
    server = ModelServer(inference_ap.triton.grpc, 3)
    yield server
    await server.close()


async def short_path(server: ModelServer) -> None:
    server._wire._connect_soon()
    end = time.monotonic() + 3
    while server._wire._connection is None or not server._wire._connection.usable:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def rows(n: int, first: int = 0) -> np.ndarray:
    images = np.arange(n * 64, dtype=np.float32).reshape(n, 8, 8) % 12
    images[:, 0, 0] = first
    return images


async def test_every_value_by_both_paths(inference_ap: InferenceAP, server: ModelServer) -> None:
    release_id = inference_ap.release(7)
    expected = np.full((5, 10), np.float32(0.1 / 9))
    expected[:, 7] = np.float32(0.9)
    by_grpcio = await server.infer(release_id, rows(5), wait=True)
    await short_path(server)
    asked = server._wire._connection._stream_id
    by_wire = await server.infer(release_id, rows(5))
    assert server._wire._connection._stream_id == asked + 2, "the short path was not taken"
    for answer in (by_grpcio, by_wire):
        assert answer.labels == [7] * 5
        np.testing.assert_array_equal(answer.probabilities, expected)


async def test_large_requests_and_many_at_once(inference_ap: InferenceAP, server: ModelServer) -> None:
    release_id = inference_ap.release(2)
    await short_path(server)
    answers = await asyncio.gather(
        *(server.infer(release_id, rows(n % 50 + 1)) for n in range(300)), server.infer(release_id, rows(256))
    )
    assert [len(answer.labels) for answer in answers] == [n % 50 + 1 for n in range(300)] + [256]
    assert all(set(answer.labels) == {2} and len(answer.probabilities) == len(answer.labels) for answer in answers)


@pytest.mark.parametrize("wait", [False, True])
async def test_errors(inference_ap: InferenceAP, server: ModelServer, wait: bool) -> None:
    release_id = inference_ap.release(1)
    await short_path(server)
    with pytest.raises(ModelUnavailable) as unknown:
        await server.infer("digits-r9999", rows(1), wait=wait)
    assert unknown.value.missing and unknown.value.to_api().code == "model_not_loaded"
    inference_ap.models.unload(release_id)
    with pytest.raises(ModelUnavailable) as unloaded:
        await server.infer(release_id, rows(1), wait=wait)
    assert unloaded.value.missing
    await asyncio.gather(*(server.load(release_id) for _ in range(3)))
    assert (await server.infer(release_id, rows(1), wait=wait)).labels == [1]
    with pytest.raises(ApiError, match="unlucky pixel") as failed:
        await server.infer(release_id, rows(1, first=13), wait=wait)
    assert (failed.value.status, failed.value.code) == (502, "model_failed")
    with pytest.raises(ApiError) as late:
        await server.infer(release_id, rows(1, first=14), wait=wait, timeout_s=0.2)
    assert late.value.status == 504
    with pytest.raises(ModelUnavailable, match="digits-r9999"):
        await server.load("digits-r9999")


async def test_nobody_there(free_port) -> None:
    server = ModelServer(f"127.0.0.1:{free_port()}", 1)
    assert await server.live()
    with pytest.raises(ModelUnavailable) as down:
        await server.infer("digits-r0001", rows(1))
    assert not down.value.missing and down.value.to_api().code == "model_server_down"
    begin = time.monotonic()
    with pytest.raises(ModelUnavailable, match="no connection"):
        await server.infer("digits-r0001", rows(1), timeout_s=0.3, wait=True)
    assert 0.2 < time.monotonic() - begin < 1
    await server.close()


async def test_a_restarted_server_gets_its_releases_back(inference_ap: InferenceAP, server: ModelServer) -> None:
    release_id = inference_ap.release(8)
    task = asyncio.create_task(server.keep_loaded(lambda: {release_id, "digits-r9999"}, 0.05))
    await short_path(server)
    assert (await server.infer(release_id, rows(1))).labels == [8]
    await asyncio.to_thread(inference_ap.triton.restart)
    end = time.monotonic() + 10
    while server.ready.get(release_id) is not True or server._wire._connection.usable is not True:
        assert time.monotonic() < end
        try:
            assert (await server.infer(release_id, rows(1))).labels == [8]
        except ModelUnavailable:
            await asyncio.sleep(0.05)
    assert server.ready == {release_id: True, "digits-r9999": False}
    task.cancel()
