"""Collect what is new, check it, and make it a data version.

**What it does.** Reads the new rows of the project's source into a round on a branch of its own, refines it by the
steps of project.yaml, checks it, merges it, tags the next version, and stores the split recipe. Where the source
brings no labels, the version is a refined one; it is split once it is labelled.

**When to run it.** By hand, by REST, or on a schedule, as often as new data is worth a version. Where the source has
nothing new the run is skipped and nothing changes.

**When it fails.** `check_round` names each check with its value and limit; the branch `run-…` is left to look at. Mend
the source, or the limits in project.yaml, and start a new run: the same rows are read again. Any task may be cleared.
"""

from airflow.sdk import Asset, Param

from operators.data import (
    CheckRoundOperator,
    CollectRoundOperator,
    MakeSplitOperator,
    MergeRoundOperator,
    RefineRoundOperator,
    TagVersionOperator,
)
from operators.pipeline import pipeline, projects

PARAMS = {
    "notes": Param("", type="string", title="Release notes", description="What is new in this version.", maxLength=2000),
}

for project in projects():
    with pipeline(project, "data_preparation", "data", __doc__, params=PARAMS) as dag:
        name = project.name
        collect = CollectRoundOperator(task_id="collect_round", project=name, zone="dev")
        refine = RefineRoundOperator(task_id="refine_round", project=name, round=collect.output)
        check = CheckRoundOperator(task_id="check_round", project=name, round=collect.output)
        merge = MergeRoundOperator(task_id="merge_round", project=name, round=collect.output)
        version = TagVersionOperator(
            task_id="tag_version", project=name, round=merge.output, notes="{{ params.notes }}", outlets=[Asset(f"{name}/data")]
        )
        MakeSplitOperator(task_id="make_split", project=name, version=version.output)
        # Nothing unchecked reaches main.
        refine >> check >> merge
    globals()[dag.dag_id] = dag
