import json

import pytest

from include.clients.mlflow import ensure_experiment, mlflow_client, read_file
from include.management import code_of, unpacked
from include.projects import load_project
from include.training.errors import InputError
from include.training.evaluate import evaluate
from include.training.learners import predict
from include.training.loop import weights
from include.training.models import load_run, model_files
from include.training.register import register
from include.training.runs import ARCHIVE
from include.training.train import train

pytestmark = pytest.mark.integration


def test_a_run_remembers_all_that_made_it(settings, digits, served, split, params, arrays, tmp_path):
    lines = []
    done = train(settings, digits, split, params, author="지은", epochs=3, tell=lines.append)
    assert lines[0] == "it trains on the CPU"
    assert [line.split()[:2] for line in lines[1:]] == [["epoch", f"{n}/3"] for n in (1, 2, 3)]

    client = mlflow_client(settings)
    run = client.get_run(done["run_id"])
    assert run.info.status == "FINISHED"
    tags, logged = run.data.tags, run.data.params
    assert {k: tags[k] for k in ("data_version", "data_commit", "data_repository", "split_digest", "split_path")} == {
        "data_version": "v1",
        "data_commit": split["commit"],
        "data_repository": "digits-dev",
        "split_digest": split["split_digest"],
        "split_path": split["split_path"],
    }
    assert tags["code_digest"].startswith("sha256:") and tags["devmlops.author"] == "지은"
    assert (logged["seed"], logged["channels"], logged["init_from"]) == ("7", "16", "random")
    assert run.data.metrics["best_validation_accuracy"] == done["metrics"]["validation_accuracy"]
    history = client.get_metric_history(done["run_id"], "validation_accuracy")
    assert [point.step for point in history] == [1, 2, 3]
    assert b"torch==" in read_file(client, done["run_id"], "environment/requirements.txt")
    (seen,) = run.inputs.dataset_inputs
    assert json.loads(seen.dataset.source)["uri"] == f"lakefs://digits-dev/{split['commit']}/splits/abc.json"
    kept = load_run(client, digits, done["run_id"])
    right = (predict(kept, digits, arrays["validation"].contents).argmax(1) == arrays["validation"].labels).mean()
    assert right == pytest.approx(done["metrics"]["validation_accuracy"])
    for name, content in unpacked("digits", read_file(client, done["run_id"], ARCHIVE)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert code_of(load_project("digits", tmp_path / "code")).digest == tags["project_code"]


def test_the_same_wish_is_done_once_and_a_killed_one_is_done_afresh(settings, digits, served, split, params):
    client = mlflow_client(settings)
    experiment_id = ensure_experiment(client, "digits/training")
    tags = {"devmlops.kind": "training", "devmlops.key": "manual__1"}
    dead = client.create_run(experiment_id, tags=tags).info.run_id
    first = train(settings, digits, split, params, key="manual__1", epochs=1)
    assert first["run_id"] != dead and client.get_run(dead).info.status == "KILLED"
    assert train(settings, digits, split, params, key="manual__1", epochs=1) == first
    assert train(settings, digits, split, params, key="manual__2", epochs=1)["run_id"] != first["run_id"]


def test_two_runs_have_identical_metrics(settings, digits, served, split, params):
    first, second = (train(settings, digits, split, params, epochs=2) for _ in range(2))
    assert first["metrics"] == second["metrics"] and first["run_id"] != second["run_id"]


def test_a_warm_start_takes_the_weights_of_a_version(settings, digits, served, split, params):
    first = train(settings, digits, split, params, epochs=4)
    evaluate(settings, digits, split, first["run_id"])
    version = register(settings, digits, first["run_id"])["version"]
    warm = train(settings, digits, split, {**params, "learning_rate": 1e-9}, epochs=1, init_from=version)
    assert warm["metrics"]["validation_accuracy"] == first["metrics"]["validation_accuracy"]
    client = mlflow_client(settings)
    assert client.get_run(warm["run_id"]).data.params["init_from"] == f"v{version}"
    assert model_files(client, warm["run_id"]).keys() == model_files(client, first["run_id"]).keys()
    with pytest.raises(InputError, match="no model version '999'"):
        train(settings, digits, split, params, epochs=1, init_from="999")


def test_a_training_that_raises_is_a_failed_run(settings, digits, served, split, params):
    with pytest.raises(InputError, match="channels"):
        train(settings, digits, split, {**params, "channels": 0}, epochs=1, key="broken")
    client = mlflow_client(settings)
    found = client.search_runs([ensure_experiment(client, "digits/training")], "tags.`devmlops.key` = 'broken'")
    assert [run.info.status for run in found] == ["FAILED"]


def test_a_reference_that_is_no_split_is_refused(settings, digits, served, params):
    with pytest.raises(InputError, match="lacks zone, version"):
        train(settings, digits, {"repository": "digits-dev", "commit": "c", "split_path": "p", "split_digest": "d"}, params)


def test_going_on_keeps_the_shape_of_the_model(settings, digits, served, split, params):
    first = train(settings, digits, split, {**params, "hidden": 32}, epochs=1)
    evaluate(settings, digits, split, first["run_id"])
    version = register(settings, digits, first["run_id"])["version"]
    client = mlflow_client(settings)
    # A search may have found another shape: what goes on has that of the model that it begins with.
    for asked in (f"v{version}", f"digits@{version}"):
        warm = client.get_run(train(settings, digits, split, {**params, "hidden": 64}, epochs=1, init_from=asked)["run_id"])
        assert warm.data.params["hidden"] == "32" and warm.data.params["init_from"] == f"v{version}"
        assert warm.data.params["init_from_run"] == first["run_id"]
    wish = {"version": version, "anew": ["9."], "freeze": ["0.", "2."]}
    raw = digits.model_dump(exclude_unset=True)
    carried = type(digits)(**{**raw, "training": {**raw["training"], "start_from": wish}})
    run_id = train(settings, carried, split, params, epochs=2)["run_id"]
    before, after = (weights(model_files(client, one)) for one in (first["run_id"], run_id))
    assert all((before[name] == after[name]).all() for name in before if name.startswith(("0.", "2.")))
    assert not (before["6.weight"] == after["6.weight"]).all() and not (before["9.weight"] == after["9.weight"]).all()
