"""Watch a project's production inputs for drift, raise the alert, and start retraining.

**What it does.** A sensor that holds no worker compares each new window of the prediction log with the reference
sketch of the running release. After enough drifted windows in a row it raises one alert (ledger, Slack), writes the
Evidently report, and starts `<project>.retraining`. A project that learns without labels has no retraining: there the
alert and the report ask people to collect anew and to run `<project>.model_development`.

Requests are read and measured by the code that the running release was made with: its package carries the project as the
model was trained with it, under the release's digest, and the watch checks that digest. So whoever works on the project's
folder, or confirms the next code, changes nothing about the watch; only the limits under `monitoring` are those of
project.yaml as it is now.

**When to run it.** It runs all the time; each run watches until something drifts. Pause it to stop watching.

**When it fails.** The log names the engine that did not answer. What was seen is in the ledger, so the next run goes
on where this one stopped; an open alert raises no second one. Where the watch cannot look at all, because the release's code
or its reference is missing or was altered, production is not watched: one critical alert of the kind `unwatched` says why
and what to do (ledger, Slack), the watch tries again at every poll, and closes the alert itself when it can look again; a run
that ends like this fails. A release whose code is too large for its package (64 MB) is watched while the project's folder
holds that very code. Where no retraining will answer an alert, close it:
`python -m include.ledger close-alert ID --reason …`.
"""

from datetime import UTC, datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from operators.monitoring import DriftReportOperator, DriftSensor, RaiseAlertOperator
from operators.pipeline import pipeline, projects

for project in projects(with_model=True):
    # Without a start in the past, the second run of @continuous has the date of the first, and is never made.
    start = datetime(2026, 1, 1, tzinfo=UTC)
    waits = not project.monitoring.start
    with pipeline(
        project, "monitoring", "monitoring", __doc__, schedule="@continuous", start_date=start, is_paused_upon_creation=waits
    ) as dag:
        name = project.name
        drift = DriftSensor(task_id="watch_drift", project=name)
        alert = RaiseAlertOperator(task_id="raise_alert", project=name, drift=drift.output)
        DriftReportOperator(task_id="drift_report", project=name, alert=alert.output)
        if project.has_true_answers:
            retrain = TriggerDagRunOperator(
                task_id="start_retraining",
                trigger_dag_id=f"{name}.retraining",
                # One run an alert, however often this task runs.
                trigger_run_id="alert-{{ ti.xcom_pull('raise_alert')['alert_id'] }}",
                conf={"reason": "drift", "alert_id": "{{ ti.xcom_pull('raise_alert')['alert_id'] }}"},
                skip_when_already_exists=True,
            )
            alert >> retrain
    globals()[dag.dag_id] = dag
