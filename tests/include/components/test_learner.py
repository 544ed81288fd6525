"""The whole workflow in one process, and models that come back."""

from __future__ import annotations

import numpy as np
import pytest

from include.components.errors import StepError
from include.components.learner import WorkflowLearner, params_of
from include.components.models import DESCRIPTION, Stack, Vote, Weighted, leaves, load_model, model_files
from include.training.errors import InputError
from include.training.learners import learner
from include.training.reproducibility import code_digest


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def answers(model, inputs, path):
    from include.clients.onnx import run, session

    model.export(inputs, path)
    return run(session(path), inputs)


@pytest.fixture(scope="module")
def trained(wine, wines):
    quick = wine.workflow.steps["forest"].model_copy(update={"params": {"trees": 5, "leaf": 2}})
    layers = wine.workflow.steps["layers"].model_copy(update={"params": {"hidden": [8], "epochs": 4}})
    steps = {**wine.workflow.steps, "forest": quick, "layers": layers}
    project = wine.model_copy(update={"workflow": wine.workflow.model_copy(update={"steps": steps})})
    return project, learner(project, {}).fit(project, {}, wines, 5, 1)


def test_the_example_learns_and_comes_back(trained, wines):
    project, model = trained
    assert isinstance(model, Vote) and len(list(leaves(model))) == 2 and model.size > 100
    assert model.best["validation_accuracy"] > 0.85 and model.best_epoch == 1
    back = learner(project, {}).load(project, {}, model.files())
    assert np.array_equal(back.predict(wines["test"].inputs), model.predict(wines["test"].inputs))
    assert all("/" not in name for name in model.files()), "artefacts of a model lie in one folder"
    again = WorkflowLearner().fit(project, {}, wines, 5, 1)
    assert again.best == model.best
    other = WorkflowLearner().fit(project, {"forest.trees": 1, "layers.epochs": 1}, wines, 5, 1)
    assert other.best != model.best


def test_params_name_step_and_parameter(trained, wines):
    project, _ = trained
    assert params_of(project)["forest.trees"] == 5 and params_of(project)["measure_again.error"] == 0.1
    with pytest.raises(InputError, match=r"no step parameter 'trees': write step.parameter; steps are prepare"):
        WorkflowLearner().fit(project, {"trees": 3}, wines, 5, 1)
    with pytest.raises(InputError, match="leave init_from out"):
        WorkflowLearner().fit(project, {}, wines, 5, 1, initial={"a": b""})


@pytest.mark.parametrize("make", ["vote", "weighted", "stack", "nested"])
def test_one_onnx_graph_gives_the_same_answers(trained, wines, tmp_path, make):
    project, vote = trained
    inputs, kind = wines["test"].inputs, project.task
    draw = np.random.default_rng(0)
    stack = Stack(vote.members, kind, draw.normal(size=(6, 3)), draw.normal(size=3))
    made = {
        "vote": Vote(vote.members, kind, [1, 3]),
        "weighted": Weighted([vote], kind, [1, 5, 0.2]),
        "stack": stack,
        "nested": Vote([Weighted([stack], kind, [1, 2, 3]), vote], kind, [1, 1]),
    }[make]
    logits = answers(made, inputs, tmp_path / "m.onnx")
    assert logits.shape == (len(inputs), 3) and np.abs(softmax(logits) - made.predict(inputs)).max() < 1e-5
    back = load_model(project, model_files(made))
    assert np.allclose(back.predict(inputs), made.predict(inputs))


def test_serving_must_prepare_as_training_did(with_steps, steps, wines):
    steps["shift"] = {"use": "samples:shift", "inputs": {"train": "prepare.train", "validation": "prepare.validation"}}
    steps["forest"]["inputs"] |= {"train": "shift.train", "validation": "shift.validation"}
    project = with_steps(steps)
    with pytest.raises(InputError, match=r"RandomForestClassifier.* learnt from inputs that serving does not make"):
        WorkflowLearner().fit(project, {}, wines, 5, 1)


def test_a_model_of_another_task_is_refused(trained, wines):
    from include.components.learner import measured

    project, model = trained
    short = Stack(model.members, project.task, np.ones((6, 2)), np.ones(2))
    short.learnt_from = model.learnt_from
    broken = Weighted([model], project.task, [np.nan, 1, 1])
    for wrong, said in ((short, r"gives outputs \(100, 2\) for 100 rows; wanted finite ones \(100, 3\)"), (broken, "not finite")):
        with pytest.raises(InputError, match=said):
            measured(project, wrong, wines)


def test_labels_of_other_rows_are_refused_by_the_step(with_steps, steps, wines):
    steps["forest"]["inputs"]["train_labels"] = "data.validation_labels"
    with pytest.raises(StepError, match=r"step forest \(forest@1\): InputError: train has 100 rows and 40 labels"):
        WorkflowLearner().fit(with_steps(steps), {}, wines, 5, 1)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"estimator.skops": b""}, f"there is no {DESCRIPTION}"),
        ({DESCRIPTION: b"{"}, "does not describe a model"),
        ({DESCRIPTION: b'{"kind": "magic"}'}, "does not describe a model|no model of the kind"),
        (
            {DESCRIPTION: b'{"kind": "vote", "members": 1, "weights": [1], "task": "classification", "learnt_from": []}'},
            "there is no",
        ),
    ],
)
def test_files_that_are_no_model_are_refused(wine, files, said):
    with pytest.raises(InputError, match=said):
        load_model(wine, files)


def test_components_count_for_the_code_digest(wine, with_steps, steps, monkeypatch, tmp_path):
    from include.training import reproducibility

    root = tmp_path / "root"
    for name in ("training", "components"):
        (root / "include" / name).mkdir(parents=True)
        (root / "include" / name / "a.py").write_text("1")
    monkeypatch.setattr(reproducibility, "ROOT", root)
    before = code_digest(wine)
    (root / "include" / "components" / "a.py").write_text("2")
    assert code_digest(wine) != before
