"""Bring a release that was in production before back, model and inference code together.

**What it does.** Checks that the package is byte for byte what was deployed then, loads it where it is not loaded any
more, smoke-tests it, and switches the route once.

**When to run it.** When the running release does harm. It needs no new approval: the release was approved and ran.

**When it fails.** Nothing was switched; the log says why. Only a release that was in production before can come back.
"""

from airflow.sdk import Param

from operators.pipeline import pipeline, projects
from operators.release import RollbackOperator

PARAMS = {
    "to": Param(
        "", type="string", maxLength=60, title="Release", description="Release id; empty takes the one before the current."
    ),
    "reason": Param("", type="string", minLength=1, maxLength=2000, title="Why", description="Stands in the audit log."),
}

for project in projects(with_model=True):
    with pipeline(project, "rollback", "release", __doc__, params=PARAMS) as dag:
        RollbackOperator(task_id="roll_back", project=project.name, to="{{ params.to }}", reason="{{ params.reason }}")
    globals()[dag.dag_id] = dag
