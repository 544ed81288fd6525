"""What the routes of reports and records give out, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr

from include.clients.lakefs import DataRepository
from include.settings import Settings
from plugins.console import records, reports
from plugins.console.app import create_app

NASTY = "<script>alert(1)</script> 한글 😀"


@pytest.fixture(scope="module")
def settings(data_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A dev repository of digits with a report and documents; no credential for ops."""
    made = Settings(
        home=tmp_path_factory.mktemp("home"),
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=SecretStr(data_server.dev[1]),
    )
    repo = DataRepository(made, "digits-dev", "dev")
    repo.ensure()
    repo.put("main", "reports/a.html", f"<p>{NASTY.replace('<', '&lt;')}</p>".encode())
    repo.put("main", "versions/v1.json", json.dumps({"notes": NASTY}).encode())
    repo.put("main", "versions/v2.json", b"no json")
    repo.put("main", "rounds/000001/items.parquet", b"secret rows")
    repo.commit("main", "for tests", {})
    return made


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A person who may see digits and nothing else."""
    yield client_of(settings, monkeypatch, {"digits.data_preparation"})


def client_of(settings: Settings, monkeypatch: pytest.MonkeyPatch, may_see: set[str]) -> TestClient:
    def access(method: str, param_dag_id: str) -> Any:
        def check(request: Any, user: Any) -> None:
            if param_dag_id not in may_see:
                raise HTTPException(403, "Forbidden")

        return check

    for module in (reports, records):
        monkeypatch.setattr(module, "requires_access_dag", access)
    app = create_app(settings)
    app.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "viewer")
    return TestClient(app)


@pytest.mark.integration
def test_a_report_may_run_and_load_nothing(client: TestClient) -> None:
    answer = client.get("/reports/dev/digits/main/reports/a.html")
    assert answer.status_code == 200 and answer.text == f"<p>{NASTY.replace('<', '&lt;')}</p>"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "allow-scripts" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and "private" in answer.headers["cache-control"]


@pytest.mark.integration
def test_a_record_is_json_and_never_a_page(client: TestClient) -> None:
    answer = client.get("/records/dev/digits/main/versions/v1.json")
    assert answer.status_code == 200 and answer.json() == {"notes": NASTY}
    assert answer.headers["content-type"] == "application/json" and "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/records/dev/digits/main/versions/v2.json").json()["error"]["code"] == "no_document"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("reports/dev/nobody/main/reports/a.html", 404),
        ("reports/dev/digits/main/reports/b.html", 404),
        ("reports/dev/digits/gone/reports/a.html", 404),
        ("reports/dev/digits/main/reports/%2e%2e/a.html", 404),
        ("reports/dev/digits/main//reports/a.html", 404),
        ("reports/dev/digits/main/./reports/a.html", (404, 200)),  # clients take the dot away before they ask
        ("reports/dev/digits/main/rounds/000001/items.parquet", 422),
        ("reports/dev/digits/main/rounds/000001/items.parquet%00.html", 422),
        ("reports/dev/digits/main/한글.html", 422),
        ("reports/dev/digits/main/%s.html" % ("a" * 600), 422),
        ("reports/dev/digits/%2Fetc%2Fpasswd/a.html", (404, 422)),
        ("reports/dev/digits/a%2Fb/reports/a.html", (404, 422)),
        ("reports/stage/digits/main/reports/a.html", 422),
        ("records/dev/digits/main/rounds/000001/items.parquet", 422),
        ("records/dev/digits/main/rounds/000001/../../versions/v1.json", (200, 422)),
        ("records/dev/digits/main/objects/x.json", 422),
        ("records/dev/digits/main/versions/v9.json", 404),
        ("records/dev/nobody/main/versions/v1.json", 404),
    ],
)
def test_tricks_with_names_find_nothing(client: TestClient, path: str, code: int | tuple[int, ...]) -> None:
    answer = client.get(f"/{path}")
    assert answer.status_code in (code if isinstance(code, tuple) else (code,)), answer.text
    assert "secret rows" not in answer.text


@pytest.mark.integration
def test_who_may_not_see_the_project_s_pipelines_sees_no_report(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(settings, monkeypatch, set())
    for path in ("reports/dev/digits/main/reports/a.html", "records/dev/digits/main/versions/v1.json"):
        assert client.get(f"/{path}").status_code == 403


@pytest.mark.integration
def test_a_server_without_the_zone_s_credential_says_so(client: TestClient) -> None:
    answer = client.get("/reports/ops/digits/main/reports/a.html")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_credential")


def test_a_data_server_that_is_down_is_told_at_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    down = Settings(home=tmp_path, data_dev_url="http://127.0.0.1:9", data_dev_access_key="k", data_dev_secret_key=SecretStr("s"))
    answer = client_of(down, monkeypatch, {"digits.data_preparation"}).get("/reports/dev/digits/main/reports/a.html")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "data_unreachable")


def test_a_broken_project_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "project.yaml").write_text("name: [")
    client = client_of(Settings(home=tmp_path, projects_dir=tmp_path), monkeypatch, {"digits.data_preparation"})
    answer = client.get("/reports/dev/digits/main/reports/a.html")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "broken_project")


@pytest.mark.integration
def test_what_is_too_large_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_BYTES", 3)
    assert client.get("/reports/dev/digits/main/reports/a.html").status_code == 413
