"""Download: a model by name and version, as a folder that stands alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from include.clients.mlflow import mlflow_client, mlflow_errors
from include.projects import Project
from include.settings import Settings
from include.training.errors import InputError
from include.training.models import FOLDER, describe, find_version, model_files, read_file_of

SUMS = "SHA256SUMS"


def download(settings: Settings, project: Project, version: str, folder: Path) -> dict[str, Any]:
    """Write the files of a registered model to a new folder, with ``model.json`` (its record) and ``SHA256SUMS``.

    Args:
        settings: name MLflow.
        project: whose model.
        version: a number, or ``confirmed``, ``production``, ``latest``.
        folder: new, or empty; it appears whole or not at all.

    Returns:
        ``{"folder", "name", "version", "files": {name: sha256}}``.

    Raises:
        InputError: no such version, or the folder holds something.
        MlflowError: MLflow did not answer.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and not an empty folder: name a new one")
    client = mlflow_client(settings)
    with mlflow_errors(settings, f"download model {version} of {project.name}"):
        found = find_version(client, project, version)
        about = describe(client, found)
        files = {
            **model_files(client, about["run_id"]),
            "params.json": read_file_of(client, about["run_id"], f"{FOLDER}/params.json"),
        }
    files["model.json"] = json.dumps(about, ensure_ascii=False, indent=1, sort_keys=True).encode()
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    files[SUMS] = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}-", dir=folder.parent))
    try:
        for name, content in files.items():
            (made / name).write_bytes(content)
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return {"folder": str(folder), "name": about["name"], "version": about["version"], "files": sums}
