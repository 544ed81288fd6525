"""Collect what is new, check it, and make it a data version.

**What it does.** Reads the new rows of the project's source into a round on a branch of its own, refines it by the
steps of project.yaml, checks it, merges it, tags the next version, and stores the split recipe. Where the source
brings no labels, the version is a refined one; it is split once it is labelled. `status_report` links the report of the
run, `tag_version` the data sheet of the version, `check_round` the quality report (Details of the task).

**When to run it.** By hand, by REST, on the schedule of `data.start.schedule`, or by `<project>.collection`, which starts
it when the sources have new data (`data.start.sensor`). Where nothing is new the run is skipped and nothing changes.

**When it fails.** `check_round` names each check with its value and limit; the branch `run-…` is left to look at. Mend
the source, or the limits in project.yaml, and start a new run: the same rows are read again. Any task may be cleared.
"""

from datetime import UTC, datetime

from airflow.sdk import Asset, Param

from operators.data import (
    CheckRoundOperator,
    CollectRoundOperator,
    MakeSplitOperator,
    MergeRoundOperator,
    RefineRoundOperator,
    ReviewRoundOperator,
    StatusReportOperator,
    TagVersionOperator,
)
from operators.pipeline import pipeline, projects

PARAMS = {
    "notes": Param("", type="string", title="Release notes", description="What is new in this version.", maxLength=2000),
}

for project in projects():
    schedule = project.data.start.schedule
    # A schedule needs a start in the past; catchup is off, so that of the times that passed only the last is made up for.
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pipeline(project, "data_preparation", "data", __doc__, params=PARAMS, schedule=schedule, start_date=start) as dag:
        name = project.name
        collect = CollectRoundOperator(task_id="collect_round", project=name, zone="dev")
        refine = RefineRoundOperator(task_id="refine_round", project=name, round=collect.output)
        check = CheckRoundOperator(task_id="check_round", project=name, round=collect.output)
        merge = MergeRoundOperator(task_id="merge_round", project=name, round=collect.output)
        version = TagVersionOperator(
            task_id="tag_version", project=name, round=merge.output, notes="{{ params.notes }}", outlets=[Asset(f"{name}/data")]
        )
        split = MakeSplitOperator(task_id="make_split", project=name, version=version.output)
        # Nothing unchecked reaches main, and where a person is to look, nothing that nobody accepted.
        refine >> check >> merge
        if wish := project.data.review:
            review = ReviewRoundOperator(
                task_id="review_round", project=name, round=collect.output, role=wish.role, timeout_hours=wish.timeout_hours
            )
            check >> review >> merge
        # A teardown runs however the run went, and a failed run stays failed.
        split >> StatusReportOperator(task_id="status_report", project=name, zone="dev").as_teardown()
    globals()[dag.dag_id] = dag
