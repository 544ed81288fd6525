"""Clients trust the certificate authorities of DEVMLOPS_CA_BUNDLE, and no others."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from include.clients.inference import InferenceClient, InferenceError
from include.clients.labelling import LabellingClient
from include.clients.lakefs import DataRepository, DataUnreachable
from include.clients.mlflow import MlflowError, mlflow_client, mlflow_errors
from include.clients.slack import SlackClient, SlackError
from include.clients.tls import TlsError, trusted
from include.local.data_server.app import create_app
from include.local.data_server.keys import Keys
from include.local.data_server.store import Store
from include.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[dict[str, Any]]:
    """Serve all engines' APIs, the data server's for real, behind a certificate that a CA of the test's own has signed."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger, port = trustme.CA(), trustme.CA(), free_port()
    for name, ca in (("ca", authority), ("stranger", stranger)):
        ca.cert_pem.write_to_path(str(folder / f"{name}.pem"))
    key = {"access_key_id": "k", "secret_access_key": "s", "grants": [{"repositories": "*", "actions": "write"}]}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    (folder / "keys.json").chmod(0o600)

    async def said(request: Request) -> JSONResponse:
        answers: dict[str, Any] = {
            "experiments": {"experiments": []},
            "chat.postMessage": {"ok": True, "channel": "C", "ts": "1"},
            "readyz": {"ready": True},
        }
        return JSONResponse(next((value for name, value in answers.items() if name in request.url.path), {}))

    data_server = create_app(Store(folder / "data"), Keys(folder / "keys.json"))
    others = Starlette(routes=[Route("/{path:path}", said, methods=["GET", "POST"])])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (data_server if scope.get("path", "").startswith("/api/v1/") else others)(scope, receive, send)

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(config.ssl)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    yield {"url": f"https://127.0.0.1:{port}", "ca": folder / "ca.pem", "stranger": folder / "stranger.pem"}
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def settings(tls: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], Settings]:
    """Return the function that makes settings that trust the CA of a name."""
    for name in ("MLFLOW_TRACKING_SERVER_CERT_PATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr("include.clients.lakefs.CONNECT_TRIES", 0)

    def make(ca: str | None) -> Settings:
        url = tls["url"]
        return Settings(
            home=tmp_path,
            ca_bundle=tls[ca] if ca else None,
            data_dev_url=url,
            data_dev_access_key="k",
            data_dev_secret_key="s",  # type: ignore[arg-type]
            mlflow_url=url,
            inference_url=url,
            slack_url=f"{url}/",
            slack_token="xoxb-1",  # type: ignore[arg-type]
            labelling_url=url,
            labelling_token="t",  # type: ignore[arg-type]
        )

    return make


def repository(settings: Settings) -> DataRepository:
    return DataRepository(settings, "tls-dev", "dev")


def ask_mlflow(settings: Settings) -> None:
    client = mlflow_client(settings, wait_s=0)
    with mlflow_errors(settings, "list experiments"):
        client.search_experiments()


def test_every_client_trusts_the_bundle(settings: Any, tls: dict[str, Any]) -> None:
    ours = settings("ca")
    repo = repository(ours)
    repo.ensure()
    repo.put("main", "이름.txt", b"body")
    assert repo.get("main", "이름.txt") == b"body"
    ask_mlflow(ours)
    assert os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"] == str(tls["ca"])
    with InferenceClient(ours) as client:
        assert client.ready() == {"ready": True}
    assert SlackClient(ours).send("hi")["ts"] == "1"
    with LabellingClient(ours) as labelling:
        assert labelling._http.get("/api/projects").status_code == 200


@pytest.mark.parametrize("ca", [None, "stranger"])
def test_no_client_trusts_another(settings: Any, ca: str | None) -> None:
    theirs = settings(ca)
    with pytest.raises(DataUnreachable):
        repository(theirs).ensure()
    with pytest.raises(MlflowError, match="CERTIFICATE_VERIFY_FAILED"):
        ask_mlflow(theirs)
    with InferenceClient(theirs) as client, pytest.raises(InferenceError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ready()
    with pytest.raises(SlackError, match="unreachable"):
        SlackClient(theirs).send("hi")
    with LabellingClient(theirs) as labelling, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        labelling._http.get("/api/projects")


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for name, said in (("missing.pem", "No such file"), ("no.pem", "PEM")):
        with pytest.raises(TlsError, match=rf"DEVMLOPS_CA_BUNDLE: .*{name} cannot be used: .*{said}"):
            trusted(Settings(ca_bundle=tmp_path / name))


def test_no_bundle_reaches_children_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bundle in (None, tmp_path / "ca.pem"):
        monkeypatch.setenv("DEVMLOPS_CA_BUNDLE", Settings(ca_bundle=bundle).environment()["DEVMLOPS_CA_BUNDLE"])
        assert Settings().ca_bundle == bundle
