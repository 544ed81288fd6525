"""What the product adds to Airflow. Everything heavy is imported by the api-server alone."""

from __future__ import annotations

import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class DevMLOpsPlugin(AirflowPlugin):
    """Registers REST routes and the request checks of `plugins.console`."""

    name = "devmlops"

    @property
    def listeners(self) -> list[Any]:  # type: ignore[override]
        """Return what loads the imports of DAG files ahead; read by every process, and of use in the DAG processor."""
        if "dag-processor" not in sys.argv:
            return []
        from plugins.console.preload import Preload

        return [Preload()]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the routes under ``/devmlops``; read by the api-server only."""
        from plugins.console.app import create_app

        return [{"app": create_app(), "url_prefix": "/devmlops", "name": "DevMLOps"}]

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return what every request passes, innermost first; read by the api-server only."""
        from airflow.configuration import conf

        from plugins.console.conf_check import ConfCheck
        from plugins.console.write_lock import WriteLock

        layers: list[tuple[type, str]] = [(ConfCheck, "conf keys")]
        if conf.get_mandatory_value("database", "sql_alchemy_conn").startswith("sqlite"):
            layers.insert(0, (WriteLock, "one writer at a time on SQLite"))
        return [{"middleware": layer, "args": [], "kwargs": {}, "name": name} for layer, name in layers]
