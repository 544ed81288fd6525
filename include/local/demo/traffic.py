"""Callers of the inference AP: at a steady rate, and without pause while a switch happens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np


@dataclass
class Traffic:
    """What came back of a stretch of requests.

    Attributes:
        answers: request id -> the AP's answer.
        milliseconds: time of each answered request, as its caller saw it.
        failures: what went wrong, one text a request.
        begun: time of the first request, UTC.
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))

    def quantile(self, q: float) -> float:
        """Return a quantile of the answered requests' times, in ms."""
        return float(np.quantile(self.milliseconds, q))

    def accuracy(self, labels: dict[str, str]) -> float:
        """Return the share of answers that agree with ``labels`` (request id -> true label)."""
        return float(np.mean([a["prediction"]["label"] == labels[i] for i, a in self.answers.items()]))


async def send(url: str, project: str, images: np.ndarray, ids: Sequence[str], per_second: float) -> Traffic:
    """Send one request an image at a steady rate, whatever the answers take.

    Args:
        url: base address of the AP.
        project: whose model is asked.
        images: (n, *item shape).
        ids: n request ids.
        per_second: requests a second.
    """
    traffic = Traffic()
    path = f"/v1/projects/{project}/infer"
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=10, limits=limits, trust_env=False) as http:

        async def one(request_id: str, image: np.ndarray) -> None:
            begun = time.perf_counter()
            try:
                answer = await http.post(path, json={"request_id": request_id, "input": image.tolist()})
            except httpx.HTTPError as error:
                traffic.failures.append(f"{request_id}: {error!r}")
                return
            if answer.status_code != 200:
                traffic.failures.append(f"{request_id}: HTTP {answer.status_code} {answer.text[:200]}")
                return
            traffic.milliseconds.append((time.perf_counter() - begun) * 1000)
            traffic.answers[request_id] = answer.json()

        begun = time.perf_counter()
        tasks = []
        for i, (request_id, image) in enumerate(zip(ids, images, strict=True)):
            await asyncio.sleep(max(0.0, begun + i / per_second - time.perf_counter()))
            tasks.append(asyncio.create_task(one(request_id, image)))
        await asyncio.gather(*tasks)
    return traffic


class Watcher:
    """A caller that asks the same rows all the time, in a thread, and notices every failed or mixed answer.

    Mixed means: the answer names one release but carries the numbers of another. One release always gives the same
    numbers for the same row, so more than one set of numbers for a row under one release id is a mixed answer.

    Args:
        url: base address of the AP.
        project: whose model is asked.
        images: the rows, (n, *item shape).
    """

    def __init__(self, url: str, project: str, images: np.ndarray) -> None:
        self._bodies = [{"input": image.tolist()} for image in images]
        self._url, self._path = url, f"/v1/projects/{project}/infer"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.seen: dict[tuple[str, int], set[tuple[float, ...]]] = {}
        self.failures: list[str] = []
        self.requests = 0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=15)

    @property
    def mixed(self) -> int:
        """Return how many sets of numbers came for a row under a release id beyond its own one."""
        return sum(len(numbers) - 1 for numbers in self.seen.values())

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10, trust_env=False) as http:
            while not self._stop.is_set():
                row = self.requests % len(self._bodies)
                self.requests += 1
                try:
                    answer = http.post(self._path, json=self._bodies[row])
                    answer.raise_for_status()
                    body = answer.json()
                    numbers = tuple(round(p, 5) for p in body["prediction"]["probabilities"].values())
                    self.seen.setdefault((body["release_id"], row), set()).add(numbers)
                except (httpx.HTTPError, KeyError, ValueError) as error:
                    self.failures.append(repr(error)[:200])
                self._stop.wait(0.01)
