"""Usage: from a version to its runs, models and releases, and from a model back to its rounds, labels and split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include import data
from include.clients.mlflow import ensure_experiment, mlflow_client
from include.ledger import Ledger
from include.training.runs import data_tags, experiment

pytestmark = pytest.mark.integration


@pytest.fixture
def used(world: Any, rows: Any, mlflow_server: Any) -> Any:
    """Give a world with v1, its split, and an MLflow and a ledger that know nothing yet."""
    world.settings = world.settings.model_copy(update={"mlflow_url": mlflow_server.url})
    Ledger(world.settings.ledger()).migrate()
    world.split_ref = world.split(world.to_version("r1"))
    return world


def run(world: Any, split: dict[str, Any], kind: str = "training", register: bool = True) -> tuple[str, str | None]:
    """Make a run on a split, and a model version of it."""
    client = mlflow_client(world.settings)
    tags = {**data_tags(split), "devmlops.kind": kind, "devmlops.project": world.project.name, "devmlops.author": "개발자"}
    made = client.create_run(ensure_experiment(client, experiment(world.project)), tags=tags).info.run_id
    client.set_terminated(made)
    if not register:
        return made, None
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(world.project.name)
    except MlflowException:
        pass
    written = {**data_tags(split), "author": "개발자", "state": "production", "code_digest": "sha256:c0de"}
    return made, str(client.create_model_version(world.project.name, f"runs:/{made}/model", run_id=made, tags=written).version)


def test_from_a_version_to_runs_models_and_releases(used: Any, rows: Any) -> None:
    tuning, _ = run(used, used.split_ref, "tuning", register=False)
    trained, model = run(used, used.split_ref)
    used.insert(rows(200, 40))
    other, _ = run(used, used.split(used.to_version("r2")))
    ledger = Ledger(used.settings.ledger())
    release = ledger.open_release(used.project.name, "k1", ["개발자"], {"name": used.project.name, "version": model})
    found = data.runs_of_version(used.settings, used.project, "dev", "v1")
    assert {one["run_id"]: one["kind"] for one in found} == {tuning: "tuning", trained: "training"}
    one = next(one for one in found if one["run_id"] == trained)
    assert (one["model"], one["model_version"], one["state"], one["releases"]) == (
        used.project.name,
        model,
        "production",
        [release.id],
    )
    assert (one["through"], one["author"], one["split_digest"]) == (None, "개발자", used.split_ref["split_digest"])
    assert one["experiment"] == f"{used.project.name}/training" and one["status"] == "FINISHED" and one["started_at"]
    unused = next(one for one in found if one["run_id"] == tuning)
    assert unused["model"] is None and unused["releases"] == []
    assert [one["run_id"] for one in data.runs_of_version(used.settings, used.project, "dev", "v2")] == [other]


def test_through_bundles_and_rollbacks(used: Any, rows: Any) -> None:
    used.insert(rows(200, 40))
    used.to_version("r2")
    whole = data.make_bundle(used.settings, used.project, "b1", "x", [{"version": used.split_ref}], zone="ops")
    some = data.make_bundle(used.settings, used.project, "b2", "x", [{"version": "v1", "filter": {"classes": ["1"]}}], zone="dev")
    back = data.roll_back(used.settings, used.project, "dev", "v1", "x1", "x", "falsch")
    runs = {run(used, used.split(ref))[0]: ref for ref in (whole, some, back)}
    found = data.runs_of_version(used.settings, used.project, "dev", "v1")
    assert {one["run_id"]: one["through"] for one in found} == {
        one: f"{ref['repository']} {ref['version']}" for one, ref in runs.items()
    }
    assert data.runs_of_version(used.settings, used.project, "dev", "v2") == []
    used.settings = used.without("ops")
    seen = data.runs_of_version(used.settings, used.project, "dev", "v1")
    assert {one["through"] for one in seen} == {f"{used.dev.name} v3", f"{used.dev.name} v4"}


def test_from_a_model_to_its_data_and_back_to_the_bytes(used: Any, rows: Any, tmp_path: Path) -> None:
    _, model = run(used, used.split_ref)
    used.insert(rows(200, 40))
    used.to_version("r2")
    found = data.data_of_model(used.settings, used.project, model)
    assert (found["model"], found["model_version"], found["author"]) == (used.project.name, model, "개발자")
    assert found["version"] == {name: used.split_ref[name] for name in ("repository", "zone", "version", "commit")}
    (one,) = found["rounds"]
    assert (one["round"], one["kind"], one["author"], one["used"], one["chosen"]) == (
        *(f"{used.dev.name}/000001", "collected", "developer"),
        *(200, False),
    )
    assert found["labelled_by"] == [{"round": one["round"], "kind": "collected", "by": {"source sql:scans": 200}, "count": 200}]
    assert found["split"]["recipe"]["seed"] == 20 and sum(found["split"]["parts"].values()) == 200
    restored = data.restore_split(used.settings, used.project, found["split"], tmp_path / "again")
    assert restored["counts"] == used.split_ref["counts"]


def test_labels_that_people_gave(used: Any) -> None:
    from tests.include.data.test_compare import relabel

    version = relabel(used, data.version(used.settings, used.project, "dev", "v1"), "7", 10)
    _, model = run(used, used.split(version))
    by = data.data_of_model(used.settings, used.project, model)["labelled_by"]
    assert by[1] == {"round": f"{used.dev.name}/000002", "kind": "labels", "by": {"민수": 10}, "count": 10}


def test_models_and_versions_that_are_not_there(used: Any) -> None:
    from include.training import InputError

    with pytest.raises(data.ReferenceFault, match="no version 'v9'"):
        data.runs_of_version(used.settings, used.project, "dev", "v9")
    with pytest.raises(InputError, match="no model version '7'"):
        data.data_of_model(used.settings, used.project, 7)
    client = mlflow_client(used.settings)
    made = client.create_run(ensure_experiment(client, experiment(used.project))).info.run_id
    client.create_registered_model(used.project.name)
    client.create_model_version(used.project.name, f"runs:/{made}/model", run_id=made)
    with pytest.raises(data.ReferenceFault, match="does not say what it was trained on: repository, zone"):
        data.data_of_model(used.settings, used.project, 1)
