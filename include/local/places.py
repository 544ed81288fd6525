"""Where the local platform keeps what it writes: everything lies under one home folder."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # the checkout; include.settings would cost every service 0.3 s at its start
MARK = "DEVMLOPS_PLATFORM"  # environment variable that every process of a platform carries; its value is the home folder


@dataclass(frozen=True)
class Places:
    """The folders and files of one platform.

    Attributes:
        home: the home folder, absolute and resolved.
    """

    home: Path

    @property
    def run(self) -> Path:
        """Return the folder of what only a running platform needs: configuration, ports, locks."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Return the folder of the processes' own logs; Airflow's task logs are under its home."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """Return the file of generated secrets, readable by its owner alone."""
        return self.home / "secrets.json"

    @property
    def ports(self) -> Path:
        """Return the file of the ports in use."""
        return self.run / "ports.json"

    @property
    def airflow(self) -> Path:
        """Return AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def dag_logs(self) -> Path:
        """Return where Airflow's DAG processor keeps a log of each DAG file."""
        return self.airflow / "logs" / "dag_processor"

    @property
    def airflow_database(self) -> Path:
        """Return Airflow's SQLite file."""
        return self.airflow / "airflow.db"

    @property
    def triton(self) -> Path:
        """Return the folder of the model server and its model repository."""
        return self.home / "triton"

    @property
    def triton_install(self) -> Path:
        """Return where Triton's binaries are; platforms of one checkout share them."""
        return ROOT / ".devmlops" / "triton"

    @property
    def labelling(self) -> Path:
        """Return the folder of the labelling server's database and uploads."""
        return self.home / "labelling" / "data"

    @property
    def labelling_install(self) -> Path:
        """Return where Label Studio is installed; platforms of one checkout share it."""
        return ROOT / ".devmlops" / "labelling"

    def make(self) -> None:
        """Create the folders that are missing; only their owner can look inside."""
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in (self.run, self.logs, self.airflow):
            folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that only its owner can read it, and all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Return what the JSON file ``path`` holds, None where it does not exist or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
