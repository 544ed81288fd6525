"""Have people label what has no label, and make a version of it.

**What it does.** Pushes the items of a version that have no label to Label Studio, with proposals of the confirmed
model, waits until people have labelled them, sends back what they do not agree on, and brings the labels home as a
round: checked, merged, tagged as the next version, and split where every item has its label. Where a file is named
instead, labels are read from it and nobody is asked.

**When to run it.** When a version holds items without label. Label Studio must run: `make labelling` on one machine. A
file of labels lies below the folder of label files, and is named from there.

**When it fails.** Nothing that people answered is lost: it stays in Label Studio, and the same or another run finds
it. `wait_for_labels` tells how many tasks are done when time runs out; clear it to wait on. `check_round` names each
check with its value; labels of unknown items and labels that are none are refused. `review_round` is there where
`data.review.labels` of project.yaml asks for a person. Any task may be cleared.
"""

from airflow.sdk import Asset, Param, TriggerRule

from include.projects.labelling import formats_of
from operators.data import (
    CheckRoundOperator,
    ImportLabelsOperator,
    LabellingSensor,
    MakeSplitOperator,
    MergeRoundOperator,
    PullLabelsOperator,
    PushTasksOperator,
    ReviewRoundOperator,
    SendBackOperator,
    StatusReportOperator,
    TagVersionOperator,
)
from operators.pipeline import pipeline, projects


def params(formats: list[str]) -> dict[str, Param]:
    return {
        "version": Param(
            "", type="string", pattern="^(v[1-9][0-9]*)?$", title="Version", description="To be labelled; empty takes the newest."
        ),
        "file": Param(
            "",
            type="string",
            maxLength=500,
            title="File of labels",
            description="Instead of people; below the folder of such files.",
        ),
        "format": Param(formats[0], type="string", enum=formats, title="Format", description="Of that file."),
        "notes": Param("", type="string", maxLength=2000, title="Release notes", description="What is new in the version."),
    }


for project in projects():
    if project.data.labelling is None:
        continue
    with pipeline(project, "labelling", "data", __doc__, params=params(formats_of(project.task))) as dag:
        name = project.name
        asked, file = "{{ params.version }}", "{{ params.file }}"
        imported = ImportLabelsOperator(
            task_id="import_labels", project=name, version=asked, file=file, format="{{ params.format }}"
        )
        push = PushTasksOperator(task_id="push_tasks", project=name, version=asked, file=file)
        wait = LabellingSensor(task_id="wait_for_labels", project=name, labelling=push.output)
        passes = [wait]
        for number in range(2, project.data.labelling.passes + 1):
            back = SendBackOperator(task_id=f"send_back_{number}", project=name, labelling=passes[-1].output)
            passes.append(LabellingSensor(task_id=f"wait_for_pass_{number}", project=name, labelling=back.output))
        pull = PullLabelsOperator(
            task_id="pull_labels",
            project=name,
            labelling=[one.output for one in passes],
            imported=imported.output,
            # Either a file or people; and a pass that nobody needed is skipped.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )
        check = CheckRoundOperator(task_id="check_round", project=name, round=pull.output)
        merge = MergeRoundOperator(task_id="merge_round", project=name, round=pull.output)
        version = TagVersionOperator(
            task_id="tag_version", project=name, round=merge.output, notes="{{ params.notes }}", outlets=[Asset(f"{name}/data")]
        )
        split = MakeSplitOperator(task_id="make_split", project=name, version=version.output)
        # Nothing unchecked reaches main.
        check >> merge
        if (wanted := project.data.review) and wanted.labels:
            hours = wanted.timeout_hours
            review = ReviewRoundOperator(
                task_id="review_round", project=name, round=pull.output, role=wanted.role, timeout_hours=hours
            )
            check >> review >> merge
        # A teardown runs however the run went, and a failed run stays failed.
        split >> StatusReportOperator(task_id="status_report", project=name, zone="dev").as_teardown()
    globals()[dag.dag_id] = dag
