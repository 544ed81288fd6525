"""A fresh repository for each test on the shared data server."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

_numbers = count()


@pytest.fixture
def repository(data_server: Any) -> Any:
    """Give an empty repository of the dev zone, reached with the admin's key."""
    import lakefs

    name = f"test-{next(_numbers):04}-dev"
    return lakefs.repository(name, client=data_server.client()).create(f"local://{name}")


@pytest.fixture
def http(data_server: Any) -> Callable[..., Any]:
    """Give a function that sends one raw request as the admin (or ``auth``)."""
    import httpx

    client = httpx.Client(base_url=data_server.url + "/api/v1", timeout=30)

    def send(method: str, path: str, *, auth: Any = data_server.admin, **kwargs: Any) -> httpx.Response:
        return client.request(method, path, auth=auth, **kwargs)

    return send
