"""Tune, train and evaluate a model on a data version, and confirm it by its gate.

**What it does.** Takes the stored split of a data version, checks the model's code (lint, types, security, and whether its
components work on a few rows), searches the hyperparameters with Ray Tune (every trial is a run in MLflow) and trains the
best once more. Where project.yaml has a `workflow` it runs its steps instead, one task for each as their graph connects
them, and keeps their model; a step that was done alike is not done again. Then it evaluates the model on the test part
beside a simple baseline, tests it, registers it, and confirms it where it passes the gate of project.yaml. With
`training.confirmation: {by: person}` a person decides in front of the figures, within that gate. Confirming a model
confirms the code that it was trained with.

**When to run it.** After a new data version, or after a change of the model's code.

**When it fails.** `static_checks` names file, line and rule of what is wrong in the code; mend it, or name the rule under
`training.code_checks.ignore` with the reason. `test_model` names the tests that failed with their figures, `confirm_model`
says what the gate asked for and what was reached, `ask_confirmation` who rejected the model and why; clear it to ask
again. The run with its plots and reports stays in MLflow. A killed tuning goes on where it was, and repeats no trial that
ended. Any task may be cleared; a model that is confirmed stays as it is.
"""

from airflow.sdk import Asset, Param

from operators.components import workflow_params, workflow_tasks
from operators.pipeline import environment_param, pipeline, projects
from operators.training import (
    AskConfirmationOperator,
    CheckCodeOperator,
    ChooseSplitOperator,
    ConfirmModelOperator,
    EvaluateOperator,
    RegisterModelOperator,
    TestModelOperator,
    TrainOperator,
    TuneOperator,
)

PARAMS = {
    "data_version": Param("", type="string", pattern="^(v[0-9]+)?$", title="Data version", description="Empty takes the newest."),
    "experiment": Param(
        "",
        type="string",
        maxLength=100,
        title="Experiment",
        description="One that was created with <project>.experiments; empty takes the project's own.",
    ),
    "start_from": Param(
        "",
        type="string",
        pattern=r"^([a-z][a-z0-9_]{1,40}@)?(v?[0-9]+|[a-z]+)?$",
        title="Start from",
        description="Version or alias of a model to go on from, such as confirmed or digits@v3; empty takes project.yaml's.",
    ),
    "trials": Param(
        None, type=["null", "integer"], minimum=1, maximum=1000, title="Trials", description="Empty takes project.yaml's number."
    ),
}

OF_A_SEARCH = {"start_from", "trials"}  # the steps of a workflow have parameters of their own

for project in projects(with_model=True):
    asked = {name: param for name, param in PARAMS.items() if not (project.workflow and name in OF_A_SEARCH)}
    params = {**asked, **environment_param(project), **workflow_params(project)}
    with pipeline(project, "model_development", "training", __doc__, params=params) as dag:
        name = project.name
        split = ChooseSplitOperator(task_id="choose_split", project=name, version="{{ params.data_version }}")
        checks = CheckCodeOperator(task_id="static_checks", project=name, split=split.output)
        place = "{{ params.experiment }}"
        if project.workflow:
            first, train = workflow_tasks(project, split.output, place)
        else:
            first = tune = TuneOperator(
                task_id="tune",
                project=name,
                split=split.output,
                trials="{{ params.trials or '' }}",
                start_from="{{ params.start_from }}",
                experiment=place,
            )
            train = TrainOperator(
                task_id="train",
                project=name,
                split=split.output,
                tuned=tune.output,
                start_from="{{ params.start_from }}",
                experiment=place,
            )
        evaluate = EvaluateOperator(task_id="evaluate", project=name, split=split.output, trained=train.output)
        model = RegisterModelOperator(task_id="register_model", project=name, evaluated=evaluate.output)
        test = TestModelOperator(task_id="test_model", project=name, split=split.output, evaluated=evaluate.output)
        confirm = ConfirmModelOperator(
            task_id="confirm_model",
            project=name,
            model=model.output,
            decided=project.training.confirmation.by,
            outlets=[Asset(f"{name}/confirmed_model")],
        )
        checks >> first  # code that cannot give a model costs seconds, not a search
        # The gate asks for the outcome of the tests: they must have run before it looks.
        test >> confirm
        if project.training.confirmation.by == "person":
            wanted = project.training.confirmation
            ask = AskConfirmationOperator(
                task_id="ask_confirmation",
                project=name,
                model=model.output,
                role=wanted.role,
                timeout_minutes=wanted.timeout_minutes,
            )
            # People see the results of the tests, and nothing is confirmed before they have answered.
            test >> ask >> confirm
    globals()[dag.dag_id] = dag
