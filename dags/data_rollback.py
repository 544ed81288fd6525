"""Roll a project's data back to an earlier version.

**What it does.** Makes a new version with the content of the earlier one, split as that was. Rounds that came since are
withdrawn: they stay where they are, in the versions that have them, and later versions leave them out. Nothing is
deleted, and rolling back to a version that has a withdrawn round brings it back.

**When to run it.** When data that was merged turns out to be wrong, and models shall be trained without it. Models that
were trained on it stay as they are: `python -m include.data usage version v5` names them.

**When it fails.** `roll_back` says which version there is not, or that it is the newest already. Any task may be cleared.
"""

from airflow.sdk import Asset, Param

from operators.data import MakeSplitOperator, RollBackDataOperator
from operators.pipeline import pipeline, projects

PARAMS = {
    "version": Param(
        type="string", pattern="^v[1-9][0-9]*$", title="Version", description="Whose content counts again, such as v3."
    ),
    "reason": Param(
        type="string", minLength=1, maxLength=500, title="Why", description="Stands in the version and with each withdrawn round."
    ),
}

for project in projects():
    with pipeline(project, "data_rollback", "data", __doc__, params=PARAMS) as dag:
        back = RollBackDataOperator(
            task_id="roll_back",
            project=project.name,
            version="{{ params.version }}",
            reason="{{ params.reason }}",
            outlets=[Asset(f"{project.name}/data")],
        )
        MakeSplitOperator(task_id="make_split", project=project.name, version=back.output)
    globals()[dag.dag_id] = dag
