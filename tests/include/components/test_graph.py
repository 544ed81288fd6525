from __future__ import annotations

import pytest

from include.components.graph import edges, order, upstream
from include.projects import ProjectError

FOREST = {"trees": 5}


def test_the_graph_of_the_example(wine):
    assert order(wine) == ["prepare", "measure_again", "forest", "layers", "together", "answers", "figures"]
    assert upstream(wine, "together") == ["prepare", "forest", "layers"] and upstream(wine, "prepare") == []
    found = {(one.source, one.output, one.step, one.input): str(one.type) for one in edges(wine)}
    assert found["forest", "model", "together", "models"] == "Model" and found["data", "train", "prepare", "train"] == "Table"
    assert len(found) == 20


def test_a_step_may_stand_before_those_it_needs(with_steps, steps):
    project = with_steps(dict(reversed(steps.items())))
    assert list(project.workflow.steps) == ["forest", "prepare"] and order(project) == ["prepare", "forest"]


def _set(path, value):
    def change(steps):
        *way, last = path.split("/")
        place = steps
        for key in way:
            place = place[key]
        place[last] = value

    return change


TRAIN = "steps.forest.inputs.train"
ROWS = {"use": "samples:rows", "inputs": {"items": "data.train"}}
VOTE = {"use": "soft_vote@1"}
ACT = {"use": "samples:act", "params": {"how": "right"}}


@pytest.mark.parametrize(
    ("change", "model", "path", "said"),
    [
        (_set("forest/use", "forst@1"), None, "steps.forest.use", "there is no component forst@1"),
        (_set("forest/use", "forest@9"), None, "steps.forest.use", "there is no component forest@9; there is forest@1"),
        (_set("forest/use", "samples:plain"), None, "steps.forest.use", "is no component"),
        (lambda s: s["forest"]["inputs"].pop("train"), None, "steps.forest.inputs", r"needs train \(Tensor\[float32\]\)"),
        (_set("forest/inputs/rows", "prepare.train"), None, "steps.forest.inputs.rows", "no such input; there are train"),
        (_set("forest/inputs/train", "data.train"), None, TRAIN, r"takes Tensor\[float32\], and data.train is Table"),
        (_set("forest/inputs/train", "prepare.labels"), None, TRAIN, "declares no output 'labels'; there are train"),
        (_set("forest/inputs/train", "prepar.train"), None, TRAIN, "no step 'prepar'; did you mean prepare"),
        (_set("forest/inputs/train", "data.test"), None, TRAIN, "test part is for the evaluation of the model alone"),
        (_set("forest/inputs/train", "data.all"), None, TRAIN, "there is no data.all; there are data.train"),
        (_set("forest/inputs/train", "prepare"), None, TRAIN, "write step.output"),
        (_set("forest/inputs/train", ["prepare.train"]), None, TRAIN, "takes one Tensor"),
        (_set("forest/params", {"trees": 0}), None, "steps.forest.params.trees", "greater than or equal to 1, not 0"),
        (_set("forest/params", {"나무": 3}), None, "steps.forest.params.나무", "no such parameter; there are trees, leaf"),
        (lambda s: None, "forest.figures", "model", "forest.figures is Metrics, wanted a Model; models are forest.model"),
        (lambda s: None, "forest", "model", "names no output"),
        (lambda s: None, "tree.model", "model", "no step 'tree'; there are prepare, forest, data"),
        (_set("extra", ROWS), None, "steps.extra", r"nothing takes its output rows \(Tensor\[float32, \(n, 2\)\]\)"),
        (_set("extra", {**ROWS, "unused": ["rows"]}), None, "steps.extra", "does not lead to forest.model"),
        (_set("forest/unused", ["figure"]), None, "steps.forest.unused", "declares no output 'figure'; did you mean figures"),
        (_set("forest/unused", ["model"]), None, "steps.forest.unused", "model is taken by another step or is the model"),
        (_set("vote", {**VOTE, "inputs": {"models": []}}), "vote.model", "steps.vote.inputs.models", "the list is empty"),
        (
            _set("vote", {**VOTE, "inputs": {"models": ["forest.model", "forest.model"]}}),
            "vote.model", "steps.vote.inputs.models", "names the same output twice",
        ),
    ],
)  # fmt: skip
def test_a_wrong_connection_is_refused_with_its_path(with_steps, steps, change, model, path, said):
    change(steps)
    with pytest.raises(ProjectError, match=f"workflow.{path}: .*{said}") as refused:
        with_steps(steps, model or "forest.model")
    assert any(refused.value.lines), "no line of the file is named"


def test_a_circle_is_refused(with_steps, steps):
    steps |= {"one": {**ACT, "inputs": {"rows": "two.rows"}}, "two": {**ACT, "inputs": {"rows": "one.rows"}}}
    with pytest.raises(ProjectError, match=r"wait for each other in a circle: one -> two -> one"):
        with_steps(steps)
    steps |= {"one": {**ACT, "inputs": {"rows": "one.rows"}}}
    with pytest.raises(ProjectError, match=r"in a circle: one -> one"):
        with_steps(steps)


def test_everything_wrong_is_told_at_once_with_its_line(with_steps, steps):
    steps["forest"]["params"] = {"trees": -1, "leaf": 0}
    steps["forest"]["inputs"]["train"] = "data.train"
    steps["prepare"]["use"] = "prepare"
    with pytest.raises(ProjectError) as refused:
        with_steps(steps, "forest.modell")
    told = dict(zip((one.partition(":")[0] for one in refused.value.problems), refused.value.lines, strict=True))
    path = refused.value.path
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {"trees": "trees: -1", "leaf": "leaf: 0"}.items() <= {
        name.rpartition(".")[2]: lines[line - 1].strip() for name, line in told.items()
    }.items()
    assert {"workflow.steps.forest.inputs.train", "workflow.steps.prepare.use", "workflow.model"} <= set(told)


@pytest.mark.parametrize("name", ["전처리", "a/b", "../up", "Data", "data", "x" * 50, "1st", "a b"])
def test_a_step_that_can_be_no_task_is_refused(with_steps, steps, name):
    steps[name] = steps["prepare"]
    with pytest.raises(ProjectError, match=r"workflow\.steps.*(title may say it in any language|cannot be named data)"):
        with_steps(steps)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"training": {"tuning": {"trials": 3}}}, "mean nothing beside a workflow: give params to its steps"),
        ({"training": {"workers": 2}}, "workers means nothing beside a workflow"),
        ({"workflow": {"steps": {}, "model": "a.b"}}, "workflow.steps"),
    ],
)
def test_what_means_nothing_beside_a_workflow_is_refused(with_steps, steps, more, said):
    with pytest.raises(ProjectError, match=said):
        with_steps(steps, **more)


def test_a_workflow_needs_a_gate(with_steps, steps, wine):
    from include.projects import Project

    raw = wine.model_dump(exclude={"training"}, exclude_unset=True)
    with pytest.raises(ValueError, match="workflow: needs the section training"):
        Project(**raw)
