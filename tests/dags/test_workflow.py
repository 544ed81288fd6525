"""The pipelines of a project with a workflow follow its graph."""

from __future__ import annotations

import pytest

from include.projects import load_project


@pytest.mark.parametrize("pipeline", ["model_development", "retraining"])
def test_the_dag_has_one_task_for_each_step_and_follows_its_edges(dags, pipeline):
    dag, steps = dags[f"wine_cultivars.{pipeline}"], load_project("wine_cultivars").workflow.steps
    inside = {task.task_id: task for task in dag.tasks if task.task_id.startswith("workflow.")}
    assert set(inside) == {f"workflow.{name}" for name in steps}
    assert inside["workflow.layers"].task_display_name == "신경망"
    before = {task_id: {one for one in task.upstream_task_ids if one.startswith("workflow.")} for task_id, task in inside.items()}
    assert before["workflow.forest"] == before["workflow.layers"] == {"workflow.prepare", "workflow.measure_again"}
    assert before["workflow.together"] == {"workflow.prepare", "workflow.forest", "workflow.layers"}
    assert before["workflow.prepare"] == set() and before["workflow.figures"] == {"workflow.answers"}
    assert all({"start_workflow"} <= task.upstream_task_ids for task in inside.values())
    assert dag.get_task("workflow_model").upstream_task_ids >= set(inside)
    assert "workflow_model" in dag.get_task("evaluate").upstream_task_ids
    assert not {"tune", "train"} & set(dag.task_ids) and dag.params["fresh"] is False


def test_other_projects_are_tuned_and_trained_as_before(dags):
    for pipeline in ("model_development", "retraining"):
        tasks = set(dags[f"digits.{pipeline}"].task_ids)
        assert {"tune", "train", "evaluate"} <= tasks and not {one for one in tasks if "workflow" in one}
        assert "fresh" not in dags[f"digits.{pipeline}"].params
