"""Projects that learn without labels have the pipelines that make sense without true answers, and no others."""

from __future__ import annotations

import pytest

from include.projects import list_projects, load_project
from include.projects.tasks import UNLABELLED

OF_ALL = {"data_preparation", "model_development", "reproduction", "comparison", "release", "monitoring", "rollback"}
OF_TRUE_ANSWERS = {"retraining", "labelling"}


@pytest.mark.parametrize("name", ["flower_groups", "digit_maps", "pole_balance"])
def test_without_true_answers_nothing_retrains(dags, name):
    mine = {dag_id.partition(".")[2] for dag_id in dags if dag_id.startswith(f"{name}.")}
    assert load_project(name).task in UNLABELLED
    assert mine >= OF_ALL and not mine & OF_TRUE_ANSWERS
    # A drift still raises the alert and writes the report; what it starts must exist.
    assert set(dags[f"{name}.monitoring"].task_ids) == {"watch_drift", "raise_alert", "drift_report"}


def test_with_true_answers_a_drift_starts_a_retraining_that_exists(dags):
    for project in map(load_project, list_projects()):
        if not project.has_model:
            continue
        started = {task.trigger_dag_id for dag_id in dags if dag_id.startswith(f"{project.name}.")
                   for task in dags[dag_id].tasks if task.task_type == "TriggerDagRunOperator"}  # fmt: skip
        assert started <= set(dags)
        assert (f"{project.name}.retraining" in started) == project.has_true_answers
