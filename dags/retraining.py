"""Retrain on what production saw, compare four ways, and release the better model.

**What it does.** Waits until enough inferred rows have their true answer, takes them as a round of the ops zone, checks
and merges it, makes a bundle with the data of the running model, and makes sure that a new model could be judged by it
(`check_test_rows`). Checks the code (`static_checks`; code that was confirmed has passed these checks before, and costs
nothing then), tunes, trains and evaluates, compares the current and the new model on old and new test data, and, where the
new one wins without losing on old data, starts `<project>.release` with its approvals. All of it runs confirmed code alone.

**When to run it.** A drift alert starts it, so does an alert webhook, and so may you. A project that learns without
labels has none: no true answers come, so nothing would say which model is better; collect anew and run
`<project>.model_development`, whose gate decides.

**When it fails.** `check_test_rows` says how many test rows there are and what to do for more. `four_way` says which of the
four results decided. A run that waits for true answers is skipped when they do not come in time. `CodeRefused` says that
the project's code is not the confirmed one, and which files and sections of project.yaml differ: run
`<project>.model_development` with it, so that confirming its model confirms the code, or put the confirmed code back
(`python -m include.management code compare PROJECT` shows both), then clear the task. Which sections count is told in
docs/project-yaml.md; limits of watching, owners and texts do not. Any task may be cleared.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param

from operators.components import workflow_params, workflow_tasks
from operators.data import (
    CheckRoundOperator,
    CollectOperatingRoundOperator,
    MakeBundleOperator,
    MakeSplitOperator,
    MergeRoundOperator,
    RefineRoundOperator,
    StatusReportOperator,
    TruthsSensor,
)
from operators.monitoring import CheckTestRowsOperator, CloseAlertOperator, FourWayOperator
from operators.pipeline import environment_param, pipeline, projects
from operators.training import (
    CheckCodeOperator,
    ConfirmModelOperator,
    EvaluateOperator,
    RegisterModelOperator,
    TestModelOperator,
    TrainOperator,
    TuneOperator,
)

PARAMS = {
    "reason": Param("by hand", type="string", maxLength=500, title="Why", description="Stands in the audit log."),
    "alert_id": Param(
        "", type=["string", "integer"], title="Alert", description="The drift alert that asked for it; empty takes all new rows."
    ),
    "alert_key": Param("", type="string", maxLength=200, title="Alert key", description="Fingerprint of an outside alert."),
    "trials": Param(None, type=["null", "integer"], minimum=1, maximum=1000, title="Trials"),
}

for project in projects(with_model=True):
    if not project.has_true_answers:
        continue
    params = {**PARAMS, **environment_param(project), **workflow_params(project)}
    with pipeline(project, "retraining", "monitoring", __doc__, params=params) as dag:
        name = project.name
        truths = TruthsSensor(task_id="wait_for_truths", project=name, alert_id="{{ params.alert_id }}")
        collect = CollectOperatingRoundOperator(task_id="collect_round", project=name, rows=truths.output)
        refine = RefineRoundOperator(task_id="refine_round", project=name, round=collect.output)
        check = CheckRoundOperator(task_id="check_round", project=name, round=collect.output)
        merge = MergeRoundOperator(task_id="merge_round", project=name, round=collect.output)
        bundle = MakeBundleOperator(task_id="make_bundle", project=name, round=merge.output)
        split = MakeSplitOperator(task_id="make_split", project=name, version=bundle.output)
        enough = CheckTestRowsOperator(task_id="check_test_rows", project=name, split=split.output)
        checks = CheckCodeOperator(task_id="static_checks", project=name, split=split.output)
        if project.workflow:
            first, train = workflow_tasks(project, split.output)
        else:
            first = tune = TuneOperator(task_id="tune", project=name, split=split.output, trials="{{ params.trials or '' }}")
            train = TrainOperator(task_id="train", project=name, split=split.output, tuned=tune.output)
        evaluate = EvaluateOperator(task_id="evaluate", project=name, split=split.output, trained=train.output)
        model = RegisterModelOperator(task_id="register_model", project=name, evaluated=evaluate.output)
        test = TestModelOperator(task_id="test_model", project=name, split=split.output, evaluated=evaluate.output)
        four_way = FourWayOperator(task_id="four_way", project=name, split=split.output, model=model.output)
        confirm = ConfirmModelOperator(task_id="confirm_model", project=name, model=model.output)
        release = TriggerDagRunOperator(
            task_id="release",
            trigger_dag_id=f"{name}.release",
            trigger_run_id="{{ run_id }}-{{ ti.try_number }}",
            conf={"model_version": "{{ ti.xcom_pull('register_model')['version'] }}"},
            wait_for_completion=True,
            deferrable=True,
            poke_interval=2,
            retries=0,
        )
        close = CloseAlertOperator(
            task_id="close_alert",
            project=name,
            alert_id="{{ params.alert_id }}",
            release_run_id="{{ ti.xcom_pull('release', key='trigger_run_id') }}",
        )
        refine >> check >> merge
        enough >> checks  # too few rows to judge a new model by cost seconds, not a search
        checks >> first  # newer tools may find errors in code that is confirmed: that costs seconds, not a search
        # A teardown runs however the data tasks went; the run's own state is that of the others.
        split >> StatusReportOperator(task_id="status_report", project=name, zone="ops").as_teardown()
        # A model that loses on old data is never confirmed, however good it is on new data.
        [four_way, test] >> confirm >> release >> close
    globals()[dag.dag_id] = dag
