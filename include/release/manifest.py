"""The manifest of a release: what it is made of and what vouches for it, read from the actual bytes.

The same function makes the manifest when a release is sealed and makes it again before it is deployed, so
that whatever changed in between is found and named.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataRepository
from include.clients.mlflow import mlflow_client, mlflow_errors
from include.ledger import Ledger
from include.ledger import Release as Opened
from include.projects import Project
from include.release.digest import tree
from include.release.errors import ReleaseError
from include.settings import Settings, Zone

if TYPE_CHECKING:
    from mlflow import MlflowClient

FORM = 1  # raised when the manifest's form changes, so that an old digest is never compared with a new form
MODEL_ARTIFACTS = ("model", "evaluation", "plots", "reference_sketch.json")
REPORTS = "reports"
NEEDED = ("optimise", "static_checks", "parity", "staging")  # a task that was forced or skipped left none, or a bad one
MODEL_TAGS = (
    "confirmed",
    "data_repository",
    "data_zone",
    "data_version",
    "data_commit",
    "split_path",
    "split_digest",
    "code_digest",
    "project_code",
)


def build_manifest(settings: Settings, project: Project, release_id: str) -> dict[str, Any]:
    """Read every piece of a release where it is now.

    Args:
        settings: ledger, model repository, MLflow and data servers.
        project: the release's project.
        release_id: of an opened release whose package is built.

    Returns:
        ``{"form", "project", "release", "authors", "package", "model", "data", "reports"}``; files as name -> SHA-256.

    Raises:
        ReleaseError: a piece is missing, or a report says that it failed; the text says which and what to do.
        LedgerError, MlflowError, DataError: an engine does not answer.
    """
    release = Ledger(settings.ledger()).release(release_id)
    if release.project != project.name:
        raise ReleaseError(release_id, [f"it belongs to project {release.project}, not {project.name}"])
    missing = [k for k in ("name", "version", "run_id", "release_run_id", "data") if not release.model.get(k)]
    if missing:
        raise ReleaseError(release_id, [f"the ledger does not say its {', '.join(missing)}: open the release again"])
    client = mlflow_client(settings)
    return {
        "form": FORM,
        "project": project.name,
        "release": release_id,
        "authors": release.authors,
        "package": package_files(settings, release_id),
        "model": _model(settings, client, release),
        "data": _data(settings, project, release),
        "reports": _reports(settings, client, release),
    }


def package_files(settings: Settings, release_id: str) -> dict[str, str]:
    """Return every file of a release's package: relative path -> SHA-256.

    Raises:
        ReleaseError: there is no package.
    """
    folder = settings.model_repository / release_id
    try:
        return tree(folder)
    except FileNotFoundError as cause:
        raise ReleaseError(release_id, [f"there is no package {folder}: run the package task first"]) from cause


def differences(sealed: Mapping[str, Any], found: Mapping[str, Any], where: str = "") -> list[str]:
    """Return one line for each place in which ``found`` is not ``sealed``, naming the file or value."""
    lines: list[str] = []
    for key in sorted({*sealed, *found}):
        place = f"{where}{key}"
        old, new = sealed.get(key), found.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += differences(old, new, f"{place}/")
        elif key not in found:
            lines.append(f"{place} is gone")
        elif key not in sealed:
            lines.append(f"{place} was added")
        elif old != new:
            lines.append(f"{place} changed: sealed as {_short(old)}, now {_short(new)}")
    return lines


def _model(settings: Settings, client: MlflowClient, release: Opened) -> dict[str, Any]:
    name, version = str(release.model["name"]), str(release.model["version"])
    with mlflow_errors(settings, f"read version {version} of model {name}"):
        registered = client.get_model_version(name, version)
    files: dict[str, str] = {}
    for path in MODEL_ARTIFACTS:
        files |= _artifacts(settings, client, str(registered.run_id), path)
    if not any(path.startswith("model/") for path in files):
        raise ReleaseError(release.id, [f"run {registered.run_id} of model {name} version {version} has no files under model/"])
    return {
        "name": name,
        "version": version,
        "run_id": str(registered.run_id),
        "tags": {key: registered.tags[key] for key in MODEL_TAGS if key in registered.tags},
        "files": files,
    }


def _data(settings: Settings, project: Project, release: Opened) -> dict[str, Any]:
    data = release.model["data"]
    zone: Zone = "ops" if data["repository"] == project.repositories["ops"] else "dev"
    repository = DataRepository(settings, data["repository"], zone)
    return {
        "repository": data["repository"],
        "version": data["version"],
        "commit": repository.head(data["version"]),
        "split_digest": data["split_digest"],
        "split_path": data["split_path"],
        "split_sha256": hashlib.sha256(repository.get(data["commit"], data["split_path"])).hexdigest(),
    }


def _reports(settings: Settings, client: MlflowClient, release: Opened) -> dict[str, str]:
    """Return the digests of all reports; each needed one must be there and good."""
    run_id = str(release.model["release_run_id"])
    with mlflow_errors(settings, f"read the reports of {release.id}"), tempfile.TemporaryDirectory() as place:
        if client.list_artifacts(run_id, REPORTS):
            client.download_artifacts(run_id, REPORTS, place)
        problems = []
        for name in NEEDED:
            path = Path(place, REPORTS, f"{name}.json")
            if not path.is_file():
                problems.append(f"run {run_id} has no report {name}: run that task of the release")
            elif not (report := json.loads(path.read_bytes())).get("ok", True):
                problems.append(f"the report {name} says no: {'; '.join(map(str, report.get('problems', [])))}")
        if problems:
            raise ReleaseError(release.id, problems)
        return tree(Path(place, REPORTS))


def _artifacts(settings: Settings, client: MlflowClient, run_id: str, path: str) -> dict[str, str]:
    """Return the files under the artefact ``path`` of a run, or the file itself: artefact path -> SHA-256."""
    with mlflow_errors(settings, f"read {path} of run {run_id}"), tempfile.TemporaryDirectory() as place:
        above = path.rpartition("/")[0] or None
        if path not in {info.path for info in client.list_artifacts(run_id, above)}:
            return {}
        client.download_artifacts(run_id, path, place)
        return tree(Path(place))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
