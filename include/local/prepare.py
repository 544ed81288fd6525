"""What must be there before services start: folders, keys, databases, the model server."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from include.local.errors import PlatformError
from include.local.places import ROOT, read_json, write_private
from include.local.services import base_environment, write_data_keys
from include.local.supervisor import log_path

if TYPE_CHECKING:
    from include.local.platform import Platform


def preparations(platform: Platform) -> dict[str, Callable[[], None]]:
    """Return the steps that services need before they start, by name; each may run again."""
    places, settings = platform.places, platform.settings

    def folders() -> None:
        for name in ("mlflow", "data", "source", "inference", "labels"):
            (places.home / name).mkdir(exist_ok=True)
        settings.prediction_log.mkdir(parents=True, exist_ok=True)
        write_data_keys(places, platform.secrets)

    def ledger() -> None:
        from include.ledger import Ledger

        folders()
        Ledger(settings.ledger()).migrate()

    def triton() -> None:
        from include.local.triton import install

        install(places.triton_install)

    def labelling() -> None:
        from include.local.labelling import install

        install(places.labelling_install)

    return {
        "folders": folders,
        "ledger": ledger,
        "triton installation": triton,
        "labelling installation": labelling,
        "airflow database": lambda: _prepare_airflow(platform),
    }


def _prepare_airflow(platform: Platform) -> None:
    """Migrate Airflow's database and bring roles and log-ins in line, where that was not done for this state."""
    places, passwords = platform.places, platform.secrets.passwords
    parts = [importlib.metadata.version(p) for p in ("apache-airflow-core", "apache-airflow-providers-fab")]
    parts += [(ROOT / "plugins" / "console" / name).read_text(encoding="utf-8") for name in ("roles.py", "setup.py")]
    state = hashlib.sha256(json.dumps([*parts, passwords], sort_keys=True).encode()).hexdigest()
    stamp = places.run / "airflow-database.stamp"
    if places.airflow_database.is_file() and read_json(stamp) == state:
        return
    done = subprocess.run(
        [sys.executable, "-m", "plugins.console.setup"],
        input=json.dumps(passwords),
        env={**base_environment(), **platform.environment()},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = log_path(places, "airflow-database")
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-12:])
        raise PlatformError(
            f"Airflow's database could not be prepared:\n{last}\nThe whole: {places.logs / 'airflow-database.log'}"
        )
    write_private(stamp, json.dumps(state))
