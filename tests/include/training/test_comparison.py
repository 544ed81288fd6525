import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.training.comparison import REPORT, compare_runs, nth_best, write_comparison
from include.training.errors import InputError
from include.training.experiments import create_experiment
from include.training.runs import REPRODUCES


@pytest.fixture
def made(settings, digits, tmp_path):
    """Return a function that writes a finished, evaluated run; its experiment's title; and MLflow's client."""
    client = mlflow_client(settings)
    experiment = f"큰 모델 {tmp_path.name}"
    place = create_experiment(settings, digits, experiment)["id"]

    def run(accuracy, params=None, status="FINISHED", project="digits", packages=None, **tags):
        fixed = {"devmlops.kind": "training", "devmlops.project": project, "devmlops.author": "민지", "code_digest": "sha256:a"}
        run_id = client.create_run(place, run_name="training", tags={**fixed, **tags}).info.run_id
        if packages:
            client.log_text(run_id, packages, "environment/requirements.txt")
        for name, value in (params or {"seed": 7}).items():
            client.log_param(run_id, name, value)
        if accuracy is not None:
            client.log_metric(run_id, "test_accuracy", accuracy)
            client.log_metric(run_id, "test_log_loss", 1 - accuracy)
        client.set_terminated(run_id, status)
        return run_id

    return run, experiment, client


@pytest.mark.integration
def test_runs_are_compared_field_by_field(settings, digits, made):
    run, _, client = made
    first = run(0.9, {"seed": 7, "lr": 0.1}, data_version="v1")
    second = run(0.95, {"seed": 7}, data_version="v2", code_digest="sha256:b")
    third = run(0.8, {"seed": 7, "lr": "<b>0.1</b>"}, data_version="v2")
    html, told = compare_runs(settings, digits, [first, second, third])
    assert {"data.data_version", "code.code_digest", "params.lr", "metrics.test_accuracy"} <= set(told["different"])
    assert "params.seed" not in told["different"]
    rows = {row["name"]: row for row in told["fields"]["params"] + told["fields"]["metrics"]}
    assert rows["lr"]["values"] == ["0.1", None, "<b>0.1</b>"]
    assert rows["test_accuracy"]["best"] == [second] == rows["test_log_loss"]["best"]
    assert "&lt;b&gt;" in html and "<b>0.1" not in html and "민지" in html
    kept = write_comparison(settings, digits, [first, second], author="민지")
    assert kept["runs"] == [first, second] and f"/runs/{kept['run_id']}?" in kept["url"]
    assert f"/runs/{kept['run_id']}/artifacts/{REPORT}?" in kept["report"]
    assert "differs" in read_file(client, kept["run_id"], REPORT).decode()


@pytest.mark.integration
def test_only_the_packages_that_differ_are_shown_with_their_versions(settings, digits, made):
    run = made[0]
    first = run(0.9, packages="numpy==1.26\ntorch==2.5\nmlflow==3\n")
    second, third = run(0.9, packages="numpy==2.1\nMLflow==3\n"), run(0.9)
    html, told = compare_runs(settings, digits, [first, second, third])
    assert told["fields"]["packages"] == [
        {"name": "numpy", "values": ["1.26", "2.1", None], "same": False},
        {"name": "torch", "values": ["2.5", None, None], "same": False},
    ]
    assert {"packages.numpy", "packages.torch"} <= set(told["different"]) and told["packages_unknown"] == [third]
    assert "What differs in packages" in html and "1 runs do not say which packages" in html


@pytest.mark.integration
def test_what_cannot_be_compared_is_told(settings, digits, made):
    run = made[0]
    one = run(0.9)
    for asked, says in (
        ([one], "1 runs were given: give 2"),
        ([one, one], "given twice"),
        ([one, "f" * 32], "MLflow has no run"),
        ([one, "없는 것"], "MLflow has no run"),
        ([one, run(0.9, project="other")], "is none of digits"),
    ):
        with pytest.raises(InputError, match=says):
            compare_runs(settings, digits, asked)


@pytest.mark.integration
def test_the_nth_best_is_found_in_the_direction_of_its_metric(settings, digits, made):
    run, experiment, _ = made
    runs = [run(value) for value in (0.7, 0.9, 0.8, 0.9)]
    run(0.99, status="FAILED")
    run(None)
    run(0.99, project="other")
    run(0.9, **{REPRODUCES: runs[1]})
    best = [nth_best(settings, digits, experiment, n)["run_id"] for n in (1, 2, 3, 4)]
    assert best == [runs[1], runs[3], runs[2], runs[0]]  # of equal ones the older first
    assert nth_best(settings, digits, experiment, 4, "log_loss")["value"] == pytest.approx(0.3)
    for asked, says in (((5,), "has 4 evaluated runs"), ((0,), "the best is 1"), ((1, "beauty"), "not registered")):
        with pytest.raises(InputError, match=says):
            nth_best(settings, digits, experiment, *asked)
    assert nth_best(settings, digits, f"digits/experiments/{experiment}")["run_id"] == runs[1]  # as MLflow shows it
    with pytest.raises(InputError, match=rf"no experiment '큰모델 .*'; near to it: .*{experiment}.*; there are: "):
        nth_best(settings, digits, experiment.replace("큰 모델", "큰모델"))


@pytest.mark.integration
def test_where_none_are_named_the_best_of_an_experiment_are_compared(settings, digits, made):
    run, experiment, _ = made
    with pytest.raises(InputError, match=rf"{experiment} of digits has no evaluated run with accuracy"):
        write_comparison(settings, digits, experiment=experiment)
    runs = [run(value) for value in (0.7, 0.9, 0.8)]
    assert write_comparison(settings, digits, best=2, experiment=experiment)["runs"] == [runs[1], runs[2]]
    assert len(write_comparison(settings, digits, best=9, experiment=experiment)["runs"]) == 3
    with pytest.raises(InputError, match=r"2 runs are named and the experiment .* too"):
        write_comparison(settings, digits, runs[:2], experiment=experiment)


@pytest.mark.integration
def test_a_deleted_run_is_told(settings, digits, made):
    run, _, client = made
    kept, gone = run(0.9), run(0.8)
    client.delete_run(gone)
    with pytest.raises(InputError, match=f"run {gone} was deleted: restore it first"):
        compare_runs(settings, digits, [kept, gone])
    client.restore_run(gone)
    assert len(compare_runs(settings, digits, [kept, gone])[1]["different"]) > 0
