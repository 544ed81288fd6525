"""Airflow's configuration on one machine, as environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from include.local.places import ROOT, Places
from include.local.ports import HOST
from include.local.secrets import Secrets
from include.settings import Settings

PARALLELISM = 4

SQLITE_ARGUMENTS = {"timeout": 30}  # seconds to wait for another writer; Airflow names this object in its configuration


def airflow_options(
    settings: Settings, places: Places, ports: Mapping[str, int], secrets: Secrets
) -> dict[str, dict[str, object]]:
    """Return Airflow's options by section, those alone that differ from its defaults."""
    url = f"http://{HOST}:{ports['airflow']}"
    return {
        "core": {
            "executor": "plugins.console.local_executor.ResumeSafeLocalExecutor",
            "parallelism": PARALLELISM,
            "dags_folder": settings.dags_dir,
            "plugins_folder": ROOT / "plugins",
            "auth_manager": "plugins.console.auth_manager.DevMLOpsAuthManager",
            "execution_api_server_url": f"{url}/execution/",
            "fernet_key": secrets.fernet_key,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            # Airflow's own choice asks the network for this machine's name.
            "hostname_callable": "socket.gethostname",
            "killed_task_cleanup_time": 20,
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{places.airflow_database}",
            "sql_alchemy_connect_args": "include.local.airflow_config.SQLITE_ARGUMENTS",
        },
        "api": {
            "host": HOST,
            "port": ports["airflow"],
            "base_url": f"{url}/",
            "workers": 1,
            "secret_key": secrets.airflow_secret_key,
        },
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        "fab": {
            "update_fab_perms": False,  # plugins.console.setup does it before the servers start
            "session_backend": "securecookie",  # looking at a page must not write to SQLite
            "auth_rate_limit": "30 per 1 minute",  # all people of one machine share one address
        },
        "logging": {
            "base_log_folder": places.airflow / "logs",
            "dag_processor_child_process_log_directory": places.dag_logs,
            "worker_log_server_port": ports["airflow_worker_logs"],
            "trigger_log_server_port": ports["airflow_trigger_logs"],
            "colored_console_log": False,
        },
        # Short tasks: the defaults spend a second between two tasks.
        "scheduler": {
            "scheduler_idle_sleep_time": 0.2,
            "orphaned_tasks_check_interval": 10,
            "task_instance_heartbeat_timeout": 60,
            "trigger_timeout_check_interval": 5,
            "task_queued_timeout": 120,
            "task_queued_timeout_check_interval": 30,
        },
        # On a busy machine a killed api-server is back after 45 s. A task that has something to tell it meanwhile asks for
        # 77 s on average (pauses that are drawn up to 1, 2, 4 and then 8 s); with Airflow's 5 tries it is lost after 5 to 14.
        "workers": {
            "min_heartbeat_interval": 1,
            "execution_api_timeout": 30,
            "execution_api_retries": 20,
            "execution_api_retry_wait_max": 8,
        },
        "dag_processor": {"refresh_interval": 10, "parsing_processes": 1},
    }


def airflow_environment(settings: Settings, places: Places, ports: Mapping[str, int], secrets: Secrets) -> dict[str, str]:
    """Return the environment that makes any ``airflow`` command belong to this platform."""
    options = airflow_options(settings, places, ports, secrets)
    return {
        "AIRFLOW_HOME": str(places.airflow),
        "PYTHONPATH": str(ROOT),
        **{f"AIRFLOW__{s.upper()}__{k.upper()}": str(v) for s, section in options.items() for k, v in section.items()},
    }
