"""Airflow connections lie over the settings."""

from __future__ import annotations

import json

import pytest

from operators.connections import platform_settings


@pytest.fixture(autouse=True)
def airflow(airflow_db):
    """Airflow's own database, which holds no connection."""


def test_without_connections_the_settings_stand(monkeypatch):
    monkeypatch.setenv("DEVMLOPS_MLFLOW_URL", "http://mlflow.example:5000")
    assert platform_settings().mlflow_url == "http://mlflow.example:5000"


def test_a_connection_wins(monkeypatch):
    monkeypatch.setenv("DEVMLOPS_DATA_OPS_URL", "http://127.0.0.1:1")
    connection = {
        "conn_type": "http",
        "schema": "https",
        "host": "lakefs.example",
        "port": 8443,
        "login": "AKIA",
        "password": "비밀",
    }
    monkeypatch.setenv("AIRFLOW_CONN_DEVMLOPS_DATA_OPS", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_DEVMLOPS_TRITON_GRPC", json.dumps({"conn_type": "http", "host": "triton", "port": 8001}))
    settings = platform_settings()
    endpoint = settings.data("ops")
    assert (endpoint.url, endpoint.access_key) == ("https://lakefs.example:8443", "AKIA")
    assert endpoint.secret_key.get_secret_value() == "비밀"
    assert "비밀" not in repr(settings)
    assert settings.triton_grpc_url == "triton:8001"


def test_a_connection_without_a_host_says_so(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_DEVMLOPS_MLFLOW", json.dumps({"conn_type": "http"}))
    with pytest.raises(ValueError, match="'devmlops_mlflow' has no host"):
        platform_settings()
