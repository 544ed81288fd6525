"""A service is healthy when all that it is asked answers, and says what it waits for otherwise."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from include.local import health

PROGRAM: Any = None  # a check of addresses does not look at the process
URLS = ("http://127.0.0.1:1/health", "http://127.0.0.1:1/tasks/health")


@pytest.mark.parametrize(
    ("second", "told"),
    [(200, None), (503, "http://127.0.0.1:1/tasks/health answers 503"), (None, "no answer from http://127.0.0.1:1/tasks/health")],
)
def test_every_address_must_answer(monkeypatch: pytest.MonkeyPatch, second: int | None, told: str | None) -> None:
    def get(url: str) -> httpx.Response:
        if url == URLS[1] and second is None:
            raise httpx.ReadTimeout("still building")
        return httpx.Response(200 if url == URLS[0] else second or 0)

    monkeypatch.setattr(health, "_get", get)
    said = health.answers(*URLS)(PROGRAM)
    assert said is told if told is None else said is not None and said.startswith(told)


def test_the_api_server_is_asked_for_the_api_of_tasks_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from include.local.platform import Platform

    asked: list[str] = []

    def get(url: str) -> httpx.Response:
        asked.append(url)
        return httpx.Response(200)

    monkeypatch.setattr(health, "_get", get)
    monkeypatch.setattr("include.local.services._triton", lambda *a: (["tritonserver"], {}))
    platform = Platform(tmp_path / "home")
    platform.places.make()
    assert platform.services["api-server"].check(PROGRAM) is None
    assert [url.split("/", 3)[3] for url in asked] == ["api/v2/monitor/health", "execution/health"]
