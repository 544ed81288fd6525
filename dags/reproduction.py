"""Train a registered model again from its record, and tell how far the result differs.

**What it does.** Takes data, split, hyperparameters, seed and number of epochs from the record of the model's training,
trains once more with the code as it is now, and compares every metric of every epoch.

**When to run it.** When somebody asks whether a model can be made again: an audit, a doubt, a new machine.

**When it fails.** The log says what the record lacks, or which data is no more what it was. A result that differs is no
failure: the report names code, packages and machine that are not as they were.
"""

from airflow.sdk import Param

from operators.pipeline import pipeline, projects
from operators.training import ReproduceOperator

PARAMS = {
    "model_version": Param(
        "confirmed", type="string", pattern="^(v?[0-9]+|confirmed|production|latest)$", title="Model version", maxLength=20
    ),
}

for project in projects(with_model=True):
    with pipeline(project, "reproduction", "training", __doc__, params=PARAMS) as dag:
        ReproduceOperator(task_id="reproduce", project=project.name, version="{{ params.model_version }}")
    globals()[dag.dag_id] = dag
