"""Airflow connections laid over the product's settings."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from include.settings import Settings

CONNECTIONS = {
    "devmlops_data_dev": {"url": "data_dev_url", "login": "data_dev_access_key", "password": "data_dev_secret_key"},
    "devmlops_data_ops": {"url": "data_ops_url", "login": "data_ops_access_key", "password": "data_ops_secret_key"},
    "devmlops_source": {"uri": "source_url"},
    "devmlops_mlflow": {"url": "mlflow_url"},
    "devmlops_triton_grpc": {"address": "triton_grpc_url"},
    "devmlops_triton_http": {"address": "triton_http_url"},
    "devmlops_inference": {"url": "inference_url", "password": "inference_admin_token"},
    "devmlops_ledger": {"uri": "ledger_url"},
    "devmlops_slack": {"password": "slack_token"},
    "devmlops_ray": {"url": "ray_url", "password": "ray_token"},
    "devmlops_labelling": {"url": "labelling_url", "password": "labelling_token"},
}
"""Connection id -> which part of the connection sets which setting."""


def platform_settings() -> Settings:
    """Return the settings, each Airflow connection of `CONNECTIONS` that exists laid over them.

    Raises:
        ValueError: a connection lacks its host.
    """
    values: dict[str, Any] = {}
    for conn_id, parts in CONNECTIONS.items():
        try:
            connection = BaseHook.get_connection(conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError):
            continue
        values |= {setting: value for part, setting in parts.items() if (value := _part(connection, part))}
    return Settings(**values)


def _part(connection: Any, part: str) -> str | None:
    if part in ("login", "password"):
        return getattr(connection, part)
    if part == "uri":
        return (connection.extra_dejson or {}).get("uri") or connection.get_uri()
    if not connection.host:
        raise ValueError(f"connection {connection.conn_id!r} has no host: set it in Airflow under Admin > Connections")
    address = connection.host + (f":{connection.port}" if connection.port else "")
    return address if part == "address" else f"{connection.schema or 'http'}://{address}"
