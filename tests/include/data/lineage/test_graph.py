from __future__ import annotations

import json
import time
from typing import Any

import pytest

from include.clients.mlflow import mlflow_client
from include.data import make_bundle, make_split
from include.data.lineage import Engines, UnknownAsset, asked, graph
from include.ledger import Ledger

pytestmark = pytest.mark.integration


def ids(found: dict[str, Any], *kinds: str) -> list[str]:
    return [one["id"] for one in found["nodes"] if not kinds or one["kind"] in kinds]


def edges(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["from"], one["to"]) for one in found["edges"]}


def run_of(split: dict[str, Any], run_id: str = "abc") -> dict[str, Any]:
    about = {"run_id": run_id, "experiment_id": "1", "name": "한글 run", "kind": "training", "status": "finished", "author": "a"}
    data = {"repository": split["repository"], "version": split["version"], "split": split["split_digest"]}
    return {**about, **data, "created_at": "2026-11-20T00:00:00+00:00", "metrics": {"test_accuracy": 0.9}}


def engines_of(split: dict[str, Any], name: str) -> Engines:
    model = {"name": name, "version": "3", "run_id": "abc", "state": "production", "author": "a", "confirmed": True}
    release = {"id": f"{name}-r0001", "state": "sealed", "model": "3", "authors": ["a"], "key": "x/y", "digest": "d"}
    at = {"created_at": "2026-11-21T00:00:00+00:00"}
    return Engines([run_of(split)], [{**model, **at}], [{**release, **at, "routes": ["production"]}])


def test_from_source_to_release_and_back(world: Any, rows: Any) -> None:
    world.to_version()
    world.insert(rows(200, 50))
    split = world.split(world.to_version("r2"))
    name, repo = world.project.name, world.dev.name
    engines = engines_of(split, name)

    def look(asset: str, direction: str) -> dict[str, Any]:
        return graph(world.settings, world.project, asset, direction, engines)  # type: ignore[arg-type]

    up = look(f"{name}/models/3", "up")
    assert json.loads(json.dumps(up)) == up and up["problems"] == []
    assert set(ids(up, "round")) == {f"{repo}/rounds/000001", f"{repo}/rounds/000002"}
    assert ids(up, "version") == [f"{repo}/versions/v2"] and len(ids(up, "source")) == 1 and ids(up, "release") == []
    assert (f"{name}/runs/abc", f"{name}/models/3") in edges(up)
    down = look(f"{repo}/rounds/000001", "down")
    assert ids(down, "version") == [f"{repo}/versions/v1", f"{repo}/versions/v2"]
    assert ids(down, "release") == [f"{name}/releases/{name}-r0001"] and ids(down, "round") == [f"{repo}/rounds/000001"]
    later = look(f"{repo}/rounds/000002", "down")
    assert ids(later, "version") == [f"{repo}/versions/v2"]
    both = look(f"{repo}/versions/v2", "both")
    assert set(ids(both)) == {*ids(up), f"{name}/releases/{name}-r0001"}
    short = look(f"{repo}/splits/{split['split_digest'][7:15]}", "up")
    assert short["asset"] == f"{repo}/splits/{split['split_digest'][7:]}"
    release = next(one for one in both["nodes"] if one["kind"] == "release")
    assert release["about"]["routes"] == ["production"] and release["link"].endswith("/dags/x/runs/y")


def test_a_version_comes_from_the_table_that_it_names(world: Any) -> None:
    """Two recipes refined one round; the version's document tells which of them it is made of."""
    world.dev.ensure()
    one = {"number": 1, "kind": "collected", "source": "s", "count": 5, "created_at": "2026-01-01T00:00:00+00:00"}
    world.dev.put("main", "rounds/000001/round.json", json.dumps(one).encode())
    for recipe in ("aa", "bb"):
        table = {"recipe": recipe, "table": f"rounds/000001/refined/{recipe}.parquet", "count": 4}
        world.dev.put("main", f"rounds/000001/refined/{recipe}.json", json.dumps(table).encode())
    piece = {"repository": world.dev.name, "zone": "dev", "round": 1, "table": "rounds/000001/refined/bb.parquet"}
    for name, pieces in (("v1", [{**piece, "table": None}]), ("v2", [piece])):
        world.dev.put("main", f"versions/{name}.json", json.dumps({"version": name, "pieces": pieces}).encode())
        world.dev.commit("main", f"Version {name}", {"step": "merge", "kind": "version", "version": name, "rounds": "[1]"})
    repo = world.dev.name

    def around(asset: str, direction: Any) -> set[tuple[str, str]]:
        return edges(graph(world.settings, world.project, asset, direction, Engines()))

    raw, refined = f"{repo}/rounds/000001", f"{repo}/rounds/000001/refined/bb"
    assert {(raw, refined), (refined, f"{repo}/versions/v2")} <= around(f"{repo}/versions/v2", "up")
    assert (raw, f"{repo}/versions/v2") not in around(f"{repo}/versions/v2", "up")
    assert (raw, f"{repo}/versions/v1") in around(f"{repo}/versions/v1", "up")
    assert (refined, f"{repo}/versions/v2") in around(refined, "down")
    down = around(raw, "down")
    assert {(raw, f"{repo}/versions/v1"), (refined, f"{repo}/versions/v2")} <= down and (raw, f"{repo}/versions/v2") not in down


def test_a_bundle_leads_to_the_rounds_of_both_zones(world: Any) -> None:
    version = world.to_version()
    split = world.split(version)
    bundle = make_bundle(world.settings, world.project, "b1", "developer", [split])
    make_split(world.settings, world.project, bundle)
    found = graph(world.settings, world.project, f"{world.ops.name}/versions/v1", "up", Engines())
    assert f"{world.dev.name}/rounds/000001" in ids(found) and f"{world.ops.name}/rounds/000001" in ids(found)
    used = graph(world.settings, world.project, f"{world.dev.name}/rounds/000001", "down", Engines())
    assert f"{world.ops.name}/versions/v1" in ids(used, "bundle") and len(ids(used, "split")) == 2
    closed = graph(world.without("ops"), world.project, f"{world.dev.name}/rounds/000001", "down", Engines())
    assert ids(closed, "bundle") == [] and "no credential for the ops data zone" in closed["problems"][0]


@pytest.mark.parametrize("asset", ["", "x", "digits-dev/versions/v9", "../../etc/passwd", "<script>", "판/1", "a" * 10_000])
def test_an_unknown_asset_is_named_with_those_that_there_are(world: Any, asset: str) -> None:
    world.to_version()
    with pytest.raises(UnknownAsset, match="there is no asset"):
        graph(world.settings, world.project, asset, "both", Engines())
    with pytest.raises(UnknownAsset, match=r"There are .*versions/v1"):
        graph(world.settings, world.project, f"{world.dev.name}/versions/v9", "both", Engines())
    with pytest.raises(UnknownAsset, match="Say up, down or both"):
        graph(world.settings, world.project, f"{world.dev.name}/versions/v1", "sideways", Engines())  # type: ignore[arg-type]


def test_engines_that_are_down_are_named_and_the_rest_is_shown(world: Any) -> None:
    split = world.split(world.to_version())
    down = world.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    begun = time.perf_counter()
    found = graph(down, world.project, f"{world.dev.name}/versions/v1")
    assert time.perf_counter() - begun < 20
    assert f"{world.dev.name}/splits/{split['split_digest'][7:]}" in ids(found)
    assert any("MLflow" in problem for problem in found["problems"])
    assert any("ledger" in problem for problem in found["problems"]), "it was never migrated"


def test_what_mlflow_and_the_ledger_know(world: Any, mlflow_server: Any) -> None:
    split = world.split(world.to_version())
    settings = world.settings.model_copy(update={"mlflow_url": mlflow_server.url})
    name = world.project.name
    client = mlflow_client(settings)
    experiment = client.create_experiment(f"{name}/training")
    tags = {"devmlops.kind": "training", "devmlops.project": name, "devmlops.author": "개발자"}
    tags |= {"data_repository": split["repository"], "data_version": "v1", "split_digest": split["split_digest"]}
    run = client.create_run(experiment, run_name="첫 학습", tags=tags)
    client.create_run(experiment, run_name="a trial", tags={"mlflow.parentRunId": run.info.run_id})
    client.log_metric(run.info.run_id, "test_accuracy", 0.93)
    client.set_terminated(run.info.run_id)
    client.create_registered_model(name)
    client.create_model_version(name, f"{run.info.artifact_uri}/model", run_id=run.info.run_id, tags={"state": "training"})
    ledger = Ledger(settings.ledger())
    ledger.migrate()
    ledger.open_release(name, "digits.release/r1", ["a"], {"name": name, "version": "1", "run_id": run.info.run_id, "data": {}})
    told = asked(settings, world.project)
    assert told.problems == [] and [one["name"] for one in told.runs] == ["첫 학습"]
    assert told.runs[0]["metrics"] == {"test_accuracy": 0.93} and told.runs[0]["author"] == "개발자"
    found = graph(settings, world.project, f"{name}/releases/{name}-r0001", "up")
    assert {"source", "round", "version", "split", "run", "model", "release"} == {one["kind"] for one in found["nodes"]}
    node = next(one for one in found["nodes"] if one["kind"] == "run")
    assert node["link"] == f"{mlflow_server.url}/#/experiments/{experiment}/runs/{run.info.run_id}?workflowType=machine_learning"


def test_many_rounds(world: Any, many_rounds: Any) -> None:
    many_rounds(world.dev, world.project, 200)
    found = graph(world.settings, world.project, f"{world.dev.name}/versions/v200", "both", Engines())
    assert len(ids(found, "round")) == 200
