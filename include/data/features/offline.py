"""Offline features: computed once for a definition and a data version, and kept beside the data.

``features/<view>/<definition>/<version>.parquet`` holds keys, timestamp and features in the order of time, and the
JSON document of the same name says what they are. Both come to main by one merge. Another definition has another
folder, so what a model was trained on stays as it was.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import CommitInfo, DataConflict, DataRepository
from include.data import rounds, tables
from include.data.features.definition import code, definition, find_view
from include.data.features.errors import FeatureError
from include.data.features.rows import fetched, file_digest, name_of, rows_of
from include.data.features.transform import checked, frame_of
from include.data.merge import publish
from include.data.rounds import Ref
from include.projects import Project
from include.projects.feature_views import FeatureView
from include.settings import Settings, Zone

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FeatureRef = dict[str, Any]
VERSION = re.compile(r"^v(\d+)$")
_NAMES = ("view", "definition", "version", "digest", "count", "entities", "first_at", "last_at")


class _Present(Exception):
    """Another run computed the same in the meantime."""


def compute(settings: Settings, project: Project, view: str, version_ref: Ref, run_id: str, author: str) -> FeatureRef:
    """Compute a view for a data version and keep it; what is kept already is given back.

    Args:
        settings: the data server.
        project: whose view it is.
        view: its name.
        version_ref: the version, from `include.data.tag_version` and the like (or a merged round's reference).
        run_id: of the pipeline run.
        author: who computes it.

    Returns:
        The features' reference; ``new`` is false where they were kept already.

    Raises:
        UnknownView: there is no such view.
        TransformError: the transform failed; nothing is kept.
    """
    about, digest, name = find_view(project, view), definition(project, view), name_of(version_ref)
    repo = DataRepository(settings, version_ref["repository"], version_ref["zone"])
    if done := _kept(repo, view, digest, name):
        return _reference(repo, done.id, view, digest, name, new=False)
    table = checked(project, view, rows_of(settings, project, about, version_ref))
    document = {
        "format": 1,
        "project": project.name,
        "view": view,
        "definition": digest,
        "spec": about.model_dump(),
        "code": code(project, view),
        "repository": repo.name,
        "version": name,
        "commit": version_ref["commit"],
        **_numbers(table, about),
        "author": author,
        "run_id": run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    branch = rounds.branch_name(run_id, f"features/{view}/{digest}/{name}")
    with TemporaryDirectory(prefix="devmlops-features-") as folder:
        local = _write(table, Path(folder) / "features.parquet")
        document["digest"] = file_digest(local)
        path = parquet_path(view, digest, name)

        def build(_: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
            if _kept(repo, view, digest, name):
                raise _Present
            known = {key: document[key] for key in ("project", "view", "definition", "version", "count", "author", "run_id")}
            return {path: local, _document(path): document}, f"Features {view} of {name}", {**known, "kind": "features"}

        try:
            _, commit, _ = publish(repo, branch, build)
            new = True
        except (_Present, DataConflict):
            repo.delete_branch(branch)
            done = _kept(repo, view, digest, name)
            if done is None:
                raise
            commit, new = done.id, False
    return _reference(repo, commit, view, digest, name, new=new)


def latest(settings: Settings, project: Project, view: str, zone: Zone = "dev") -> FeatureRef:
    """Return the features that are kept of a view's present definition for the newest data version.

    Raises:
        FeatureError: there are none.
    """
    repo, digest = rounds.repository(settings, project, zone), definition(project, view)
    names = stored(repo, view, digest)
    done = _kept(repo, view, digest, names[-1]) if names else None
    if done is None:
        where = f"{repo.name}, feature view {view}, definition {digest}"
        raise FeatureError(where, "nothing is kept of it", f"Compute it first: start the pipeline {project.name}.features")
    return _reference(repo, done.id, view, digest, names[-1], new=False)


def load(settings: Settings, ref: FeatureRef) -> tuple[FeatureView, pd.DataFrame]:
    """Return kept features with the view as it was when they were computed.

    Returns:
        The view, and its keys, timestamp and features in the order of time.

    Raises:
        IntegrityError: the table is not what was written.
    """
    view, table = table_of(settings, ref)
    return view, frame_of(table)


def table_of(settings: Settings, ref: FeatureRef) -> tuple[FeatureView, pa.Table]:
    """Return what `load` does with an Arrow table."""
    repo = tables.reader(settings, ref)
    document = json.loads(repo.get(ref["commit"], _document(ref["path"])))
    return FeatureView.model_validate(document["spec"]), fetched(repo, ref["commit"], ref["path"], ref["digest"])


def stored(repo: DataRepository, view: str, digest: str) -> list[str]:
    """Return the names of the data versions that a definition was computed for, oldest first, rounds before versions."""
    names = [Path(path).stem for path in repo.list("main", f"features/{view}/{digest}/") if path.endswith(".json")]
    return sorted(names, key=lambda name: (int(match[1]) if (match := VERSION.match(name)) else -1, name))


def described(repo: DataRepository, view: str, digest: str, name: str) -> dict[str, Any]:
    """Return the document of kept features as main has it."""
    return dict(json.loads(repo.get("main", _document(parquet_path(view, digest, name)))))


def parquet_path(view: str, digest: str, name: str) -> str:
    """Return where features lie in a repository."""
    return f"features/{view}/{digest}/{name}.parquet"


def _document(path: str) -> str:
    return path.removesuffix(".parquet") + ".json"


def _kept(repo: DataRepository, view: str, digest: str, name: str) -> CommitInfo | None:
    return repo.find("main", step="merge", kind="features", view=view, definition=digest, version=name)


def _reference(repo: DataRepository, commit: str, view: str, digest: str, name: str, *, new: bool) -> FeatureRef:
    path = parquet_path(view, digest, name)
    document = json.loads(repo.get(commit, _document(path)))
    place = {"repository": repo.name, "zone": repo.zone, "commit": commit, "path": path}
    return {**place, **{key: document[key] for key in _NAMES}, "new": new}


def _numbers(table: pa.Table, view: FeatureView) -> dict[str, Any]:
    times = table[view.timestamp]
    first, last = (times[0].as_py(), times[-1].as_py()) if table.num_rows else (None, None)
    return {
        "count": table.num_rows,
        "entities": table.group_by(list(view.keys)).aggregate([]).num_rows,
        "first_at": first and first.isoformat(),
        "last_at": last and last.isoformat(),
        "missing": {name: table[name].null_count for name in view.features},
    }


def _write(table: pa.Table, path: Path) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")
    return path
