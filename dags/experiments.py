"""Create an experiment of a project, or delete one with the runs that it holds.

**What it does.** `create` makes an experiment that trainings can choose by the param `experiment` of
`<project>.model_development`. `delete` first asks a person, who sees how many runs and which model versions go with it,
then deletes the versions and the runs. The audit log says so before and after.

**When to run it.** Before a line of work that shall stay apart, and when nobody needs it any more.

**When it fails.** An experiment stays that made a model version that is confirmed, was deployed, or is in a release; the
message says which. A deletion that was cut off in the middle is finished by clearing `change_experiment`. Runs stay in
MLflow's bin until its administrator empties it (`mlflow gc`).
"""

from airflow.sdk import Param

from operators.pipeline import pipeline, projects
from operators.training import AskDeletionOperator, ChangeExperimentOperator

PARAMS = {
    "action": Param("create", type="string", enum=["create", "delete"], title="What to do"),
    "name": Param("", type="string", minLength=0, maxLength=100, title="Experiment", description="Its name, such as 큰 모델."),
    "description": Param("", type="string", maxLength=5000, title="Description", description="Of a new one: what it is for."),
    "confirmation": Param(
        "", type="string", maxLength=100, title="The name again", description="To delete, type the experiment's name once more."
    ),
}

for project in projects(with_model=True):
    with pipeline(project, "experiments", "training", __doc__, params=PARAMS) as dag:
        wanted = {"action": "{{ params.action }}", "name": "{{ params.name }}"}
        ask = AskDeletionOperator(
            task_id="ask_before_deletion",
            project=project.name,
            typed="{{ params.confirmation }}",
            role=project.training.confirmation.role,
            timeout_minutes=project.training.confirmation.timeout_minutes,
            **wanted,
        )
        change = ChangeExperimentOperator(
            task_id="change_experiment", project=project.name, description="{{ params.description }}", **wanted
        )
        # Nothing is deleted before somebody has seen what goes with it.
        ask >> change
    globals()[dag.dag_id] = dag
