"""Train a registered model again from its record, and tell how far the result differs.

**What it does.** Takes code and settings of the project, data, split, hyperparameters, seed and the model that it began with
from the record of the model's training, trains once more, evaluates on the same test part, and compares every metric. What
lies in the project's folder now does not matter; the product is the one that is installed. The button `Report` opens the page.

**When to run it.** When somebody asks whether a model can be made again: an audit, a doubt, a new machine.

**When it fails.** The log says what the record lacks, or which data is no more what it was. A result that differs is no
failure: the report names code, packages and machine that are not as they were. Cleared, the task goes on with a training that
was done, and closes one that was killed. On ops data the recorded code must be confirmed.
"""

from airflow.sdk import Param

from operators.pipeline import environment_param, pipeline, projects
from operators.training import ReproduceOperator

PARAMS = {
    "model_version": Param(
        "confirmed", type="string", pattern="^(v?[0-9]+|confirmed|production|latest)$", title="Model version", maxLength=20
    ),
}

for project in projects(with_model=True):
    with pipeline(project, "reproduction", "training", __doc__, params={**PARAMS, **environment_param(project)}) as dag:
        ReproduceOperator(task_id="reproduce", project=project.name, version="{{ params.model_version }}")
    globals()[dag.dag_id] = dag
