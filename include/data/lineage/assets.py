"""The nodes of lineage: ids, and what is told about each.

=============================================  ==========================================================
id                                             what
=============================================  ==========================================================
``digits/sources/<name>``                      where rounds come from
``digits-dev/rounds/000001``                   a round
``digits-dev/rounds/000001/refined/<recipe>``  its refined table, where refining has steps
``digits-dev/versions/v1``                     a version or bundle
``digits-dev/splits/<digest>``                 a split
``digits-dev/features/<view>/<version>``       features that were computed for a version
``digits/runs/<id>``                           a training or tuning run in MLflow
``digits/models/1``                            a registered model version
``digits/releases/digits-r0001``               a release
=============================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.data import rounds
from include.data.records import Records
from include.projects import Project
from include.reports.links import dag_run_url, mlflow_model_url, mlflow_run_url, record_url
from include.settings import Settings

Node = dict[str, Any]


def round_id(repository: str, number: int) -> str:
    """Return the id of a round."""
    return f"{repository}/{rounds.folder(number).rstrip('/')}"


def refined_id(repository: str, number: int, table: str) -> str:
    """Return the id of a refined table by its path."""
    return f"{round_id(repository, number)}/refined/{table.rpartition('/')[2].removesuffix('.parquet')}"


def version_id(repository: str, name: str) -> str:
    """Return the id of a version or bundle."""
    return f"{repository}/versions/{name}"


def split_id(repository: str, digest: str) -> str:
    """Return the id of a split."""
    return f"{repository}/splits/{digest.removeprefix('sha256:')}"


def features_id(repository: str, view: str, version: str) -> str:
    """Return the id of features computed for a version."""
    return f"{repository}/features/{view}/{version}"


class Nodes:
    """Makes nodes; each has ``id``, ``kind``, ``name``, ``created``, ``by``, ``link`` (None without a page) and ``about``.

    Args:
        settings: addresses of the engines.
        project: whose assets.
    """

    def __init__(self, settings: Settings, project: Project) -> None:
        self.settings, self.project = settings, project

    def source(self, name: str) -> Node:
        """Return a source."""
        return _node(f"{self.project.name}/sources/{name}", "source", name, "", "", None, {})

    def round(self, found: Records, one: Mapping[str, Any]) -> Node:
        """Return a round."""
        kind = "labels" if one["kind"] == "labels" else "dictionary" if one["kind"] == "dictionary" else "round"
        about = {"kind": one["kind"], "count": one["count"], "labelled": one["labelled"], "run": one["run_id"]}
        link = self._record(found, one["merged"] or found.commit, rounds.round_path(one["number"]))
        return _node(
            round_id(found.repository, one["number"]),
            kind,
            f"round {one['number']}",
            one["created_at"],
            one["author"],
            link,
            about,
        )

    def refined(self, found: Records, number: int, done: Mapping[str, Any]) -> Node:
        """Return the refined table of a round."""
        about = {name: done.get(name) for name in ("count", "left_out", "recipe")}
        path = str(done["table"]).removesuffix(".parquet") + ".json"
        link = self._record(found, found.commit, path)
        return _node(
            refined_id(found.repository, number, done["table"]), "refined", f"round {number} refined", "", "", link, about
        )

    def version(self, found: Records, one: Mapping[str, Any]) -> Node:
        """Return a version or bundle."""
        names = ("count", "labelled", "state", "digest", "notes")
        about = {**{name: one[name] for name in names}, "run": one["run_id"]}
        link = self._record(found, one["version"], f"versions/{one['version']}.json")
        name = one["version"]
        kind = "bundle" if one["kind"] == "bundle" else "version"
        return _node(version_id(found.repository, name), kind, name, one["created_at"], one["author"], link, about)

    def split(self, found: Records, one: Mapping[str, Any]) -> Node:
        """Return a split."""
        about = {"method": one["method"], "count": one["count"], "version": one["version"], "digest": one["digest"]}
        link = self._record(found, one["commit"], one["path"])
        name = f"split of {one['version']}"
        return _node(split_id(found.repository, one["digest"]), "split", name, one["created_at"], one["author"], link, about)

    def features(self, found: Records, one: Mapping[str, Any]) -> Node:
        """Return features computed for a version."""
        about = {"definition": one["definition"], "count": one["count"], "version": one["version"]}
        path = f"features/{one['view']}/{one['definition']}/{one['version']}.json"
        node = features_id(found.repository, one["view"], one["version"])
        link = self._record(found, one["commit"], path)
        return _node(node, "features", f"{one['view']} of {one['version']}", one["created_at"], one["author"], link, about)

    def run(self, one: Mapping[str, Any]) -> Node:
        """Return a run."""
        link = mlflow_run_url(self.settings, one["experiment_id"], one["run_id"])
        about = {"kind": one["kind"], "status": one["status"], **one["metrics"]}
        node = f"{self.project.name}/runs/{one['run_id']}"
        return _node(node, "run", f"{one['kind']} {one['name']}", one["created_at"], one["author"], link, about)

    def model(self, one: Mapping[str, Any]) -> Node:
        """Return a registered model version."""
        link = mlflow_model_url(self.settings, one["name"], one["version"])
        about = {"state": one["state"], "confirmed": one["confirmed"]}
        node = f"{self.project.name}/models/{one['version']}"
        return _node(node, "model", f"model {one['version']}", one["created_at"], one["author"], link, about)

    def release(self, one: Mapping[str, Any]) -> Node:
        """Return a release."""
        about = {"state": one["state"], "routes": one["routes"], "digest": one["digest"]}
        node = f"{self.project.name}/releases/{one['id']}"
        link = dag_run_url(self.settings, one["key"])
        return _node(node, "release", one["id"], one["created_at"], ", ".join(one["authors"]), link, about)

    def _record(self, found: Records, ref: str | None, path: str) -> str | None:
        return record_url(self.settings, found.zone, self.project.name, ref, path) if ref else None


def _node(node: str, kind: str, name: str, created: str, by: str, link: str | None, about: Mapping[str, Any]) -> Node:
    return {"id": node, "kind": kind, "name": name, "created": created, "by": by, "link": link, "about": dict(about)}
