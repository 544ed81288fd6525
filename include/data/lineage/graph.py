"""The graph around one asset, gone through step by step from the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal

from include.clients.lakefs import DataError
from include.data import rounds, versions
from include.data.lineage import assets
from include.data.lineage.engines import Engines, asked
from include.data.lineage.errors import UnknownAsset
from include.data.records import Document, Records, open_repository, records
from include.projects import Project
from include.settings import Settings, Zone

Direction = Literal["up", "down", "both"]
Edge = tuple[str, str]
ZONES: tuple[Zone, ...] = ("dev", "ops")
LEAST_DIGITS = 6
_pieces_kept: dict[tuple[str, str], list[Document]] = {}
MOST_KEPT = 500


def graph(
    settings: Settings, project: Project, asset_id: str, direction: Direction = "both", engines: Engines | None = None
) -> dict[str, Any]:
    """Return what an asset was made from (up) and what was made from it (down).

    Args:
        settings: data servers, MLflow and the ledger; what does not answer is left out and named under ``problems``.
        project: whose asset.
        asset_id: as `include.data.lineage.assets` tells, such as ``digits-dev/versions/v1``; of a split six or more digits of
            its digest are enough.
        direction: ``up``, ``down`` or ``both``.
        engines: what MLflow and the ledger said, where it was asked for already.

    Returns:
        ``{"asset", "nodes": [{"id", "kind", "name", "created", "by", "link", "about"}], "edges": [{"from", "to"}], "problems"}``;
        an edge goes from what was there to what was made from it.

    Raises:
        UnknownAsset: there is no such asset, or it cannot be seen from here.
    """
    if direction not in ("up", "down", "both"):
        raise UnknownAsset(f"lineage of {asset_id}", f"there is no direction {direction!r}", "Say up, down or both")
    walk = _Walk(settings, project, engines or asked(settings, project))
    start = walk.find(asset_id)
    reached: dict[str, None] = {start: None}
    edges: dict[Edge, None] = {}
    for way in ("up", "down"):
        if direction not in (way, "both"):
            continue
        seen, waiting = {start}, [start]
        while waiting:
            one = waiting.pop()
            for edge in walk.inputs(one) if way == "up" else walk.outputs(one):
                edges[edge] = None
                other = edge[0] if way == "up" else edge[1]
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        reached.update(dict.fromkeys(seen))
    nodes = sorted((walk.nodes[one] for one in reached), key=lambda node: (node["created"], node["id"]))
    told = [{"from": begin, "to": end} for begin, end in sorted(edges)]
    return {"asset": start, "nodes": nodes, "edges": told, "problems": walk.problems}


class _Walk:
    """All assets of a project, and the steps between them."""

    def __init__(self, settings: Settings, project: Project, engines: Engines) -> None:
        self.settings, self.project, self.engines = settings, project, engines
        self.problems = list(engines.problems)
        self.nodes: dict[str, assets.Node] = {}
        self._up: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._down: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._versions: dict[str, tuple[Records, Document]] = {}
        self._refined: dict[str, list[str]] = {}
        self._exact: set[str] = set()
        self._make = assets.Nodes(settings, project)
        for zone in ZONES:
            try:
                self._data(records(settings, project, zone))
            except DataError as cause:
                self.problems.append(f"Data of the {zone} zone is missing here: {cause}")
        self._of_engines()

    def find(self, asset_id: str) -> str:
        """Return the full id of an asset."""
        if asset_id in self.nodes:
            return asset_id
        head, _, last = asset_id.rpartition("/")
        if head.endswith("/splits") and len(last) >= LEAST_DIGITS:
            near = [one for one in self.nodes if one.startswith(f"{head}/{last.removeprefix('sha256:')}")]
            if len(near) == 1:
                return near[0]
        alike = sorted(one for one in self.nodes if one.startswith(f"{head}/") and "/" not in one[len(head) + 1 :])
        known = f"There are {', '.join(alike[-8:])}" if alike else f"Ids look like {self.project.repositories['dev']}/versions/v1"
        missing = f" ({'; '.join(self.problems)})" if self.problems else ""
        raise UnknownAsset(f"lineage of {self.project.name}", f"there is no asset {asset_id!r}{missing}", known)

    def inputs(self, one: str) -> Iterator[Edge]:
        """Yield the edges that end at an asset."""
        self._look(one)
        for other in self._up[one]:
            yield other, one

    def outputs(self, one: str) -> Iterator[Edge]:
        """Yield the edges that begin at an asset."""
        rounds_of = list(self._up[one]) if self.nodes[one]["kind"] == "refined" else [one]
        for begin in rounds_of:
            for other in list(self._down[begin]):
                self._look(other)
        for other in self._down[one]:
            yield one, other

    def _look(self, one: str) -> None:
        """Read a version's document where a round of it was refined: it alone tells by which recipe."""
        if one not in self._versions or one in self._exact:
            return
        self._exact.add(one)
        if not any(other in self._refined for other in self._up[one]):
            return
        found, version = self._versions[one]
        try:
            pieces = _pieces(self.settings, self.project, found, version)
        except DataError as cause:
            self.problems.append(f"The rounds of {one} may be shown with another refining: {cause}")
            return
        for piece in pieces:
            begin = assets.round_id(piece["repository"], piece["round"])
            table = piece.get("table")
            if begin in self._up[one] and table and table != rounds.items_path(piece["round"]):
                middle = assets.refined_id(piece["repository"], piece["round"], table)
                if middle in self.nodes:
                    self._cut(begin, one)
                    self._join(middle, one)

    def _data(self, found: Records) -> None:
        repository = found.repository
        for one in found.rounds:
            node = self._add(self._make.round(found, one))
            if one["kind"] in ("collected", "operating"):
                for name in one.get("sources") or {one["source"]: one["count"]}:
                    self._join(self._add(self._make.source(name)), node)
            elif one["kind"] == "sample":
                origin = (one.get("recipe") or {}).get("from") or {}
                for number in origin.get("rounds", []):
                    self._join(assets.round_id(origin["repository"], number), node)
            elif one["kind"] == "bundle":
                for piece in (one.get("recipe") or {}).get("pieces", []):
                    self._join(_piece_id(piece), node)
                    for given in piece["labels"]:
                        self._join(assets.round_id(given["repository"], given["round"]), node)
            elif "from" in one:
                origin = one["from"]
                self._join(assets.version_id(origin["repository"], origin["version"]), node)
            tables = [done for done in one["refined"] if done.get("table") not in (None, rounds.items_path(one["number"]))]
            for done in tables:
                self._join(node, self._add(self._make.refined(found, one["number"], done)))
            if tables:
                self._refined[node] = [assets.refined_id(repository, one["number"], done["table"]) for done in tables]
        for version in found.versions:
            node = self._add(self._make.version(found, version))
            self._versions[node] = found, version
            for number in version["rounds"]:
                self._join(assets.round_id(repository, number), node)
        for split in found.splits:
            self._join(assets.version_id(repository, split["version"]), self._add(self._make.split(found, split)))
        for one in found.features:
            self._join(assets.version_id(repository, one["version"]), self._add(self._make.features(found, one)))

    def _of_engines(self) -> None:
        name = self.project.name
        for run in self.engines.runs:
            node = self._add(self._make.run(run))
            if run["split"]:
                self._join(assets.split_id(run["repository"], run["split"]), node)
        for model in self.engines.models:
            node = self._add(self._make.model(model))
            if model["run_id"]:
                self._join(f"{name}/runs/{model['run_id']}", node)
        for release in self.engines.releases:
            self._join(f"{name}/models/{release['model']}", self._add(self._make.release(release)))
        # An edge to what cannot be seen from here, such as a round of the other zone, still tells that it was there.
        for one in [one for one in (*self._up, *self._down) if one not in self.nodes]:
            self._add({"id": one, "kind": "unseen", "name": one, "created": "", "by": "", "link": None, "about": {}})

    def _add(self, node: assets.Node) -> str:
        self.nodes[node["id"]] = node
        return str(node["id"])

    def _join(self, begin: str, end: str) -> None:
        self._up[end][begin] = None
        self._down[begin][end] = None

    def _cut(self, begin: str, end: str) -> None:
        del self._up[end][begin]
        del self._down[begin][end]


def _piece_id(piece: Document) -> str:
    """Return the id of the table that a piece of a bundle names."""
    table = piece.get("table")
    if table and table != rounds.items_path(piece["round"]):
        return assets.refined_id(piece["repository"], piece["round"], table)
    return assets.round_id(piece["repository"], piece["round"])


def _pieces(settings: Settings, project: Project, found: Records, version: Document) -> list[Document]:
    """Return the pieces of a version in short; a version never changes, so they are remembered."""
    key = (found.repository, version["commit"])
    if key not in _pieces_kept:
        repo = open_repository(settings, project, found.zone)
        document = versions.document(repo, version["commit"], version["version"])
        if len(_pieces_kept) >= MOST_KEPT:
            _pieces_kept.clear()
        _pieces_kept[key] = [{name: piece.get(name) for name in ("repository", "round", "table")} for piece in document["pieces"]]
    return _pieces_kept[key]
