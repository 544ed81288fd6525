"""Watch a project's sources, and start data_preparation as soon as there is enough new data.

**What it does.** A sensor that holds no worker asks the sources how much they have behind what was collected: rows of
a table, new and changed files, records of a stream or an API. Where that is `data.start.min_new` or more, it starts
`<project>.data_preparation`, waits for it, and the next run watches on.

**When to run it.** Only projects with `data.start.sensor: true` have it; it runs all the time. Pause it to stop watching.

**When it fails.** `watch_sources` names the source that could not be looked at for a quarter of an hour.
`start_preparation` fails with the run of data_preparation that it started: look there. The same data does not start a
second run; mend the source and start data_preparation by hand, or let new data do it.
"""

from datetime import UTC, datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from operators.data import NewDataSensor
from operators.pipeline import pipeline, projects

for project in projects():
    if not project.data.start.sensor:
        continue
    # Without a start in the past, the second run of @continuous has the date of the first, and is never made.
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pipeline(project, "collection", "data", __doc__, schedule="@continuous", start_date=start) as dag:
        watch = NewDataSensor(task_id="watch_sources", project=project.name, zone="dev")
        prepare = TriggerDagRunOperator(
            task_id="start_preparation",
            trigger_dag_id=f"{project.name}.data_preparation",
            # One run for one state of the sources, however often this task runs.
            trigger_run_id="new-data-{{ ti.xcom_pull('watch_sources')['state'][:24] }}",
            conf={"notes": "New data at the sources: {{ ti.xcom_pull('watch_sources')['count'] }}"},
            skip_when_already_exists=True,
            # Waited for, so that a stream which never rests does not heap up runs.
            wait_for_completion=True,
            deferrable=True,
            poke_interval=10,
        )
        watch >> prepare
    globals()[dag.dag_id] = dag
