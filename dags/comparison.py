"""Compare training runs of a project field by field, on one page.

**What it does.** Takes the runs that you name, or the best of an experiment by the metric of the project's gate, and lays
data, code, parameters, metrics, environment and the installed packages that differ side by side. The page lies in MLflow, in
a run of the experiment `<project>/comparisons`; the button `Comparison` of the task opens it.

**When to run it.** To choose among models, or to find why two of them differ.

**When it fails.** The message names the run that is missing or belongs to another project, or the experiments whose titles
are near to one that is not there. It changes nothing; run it again.
"""

from airflow.sdk import Param

from operators.pipeline import environment_param, pipeline, projects
from operators.training import CompareRunsOperator

PARAMS = {
    "run_ids": Param(
        [], type="array", items={"type": "string"}, maxItems=50, title="Runs", description="MLflow run ids; none takes the best."
    ),
    "best": Param(5, type="integer", minimum=2, maximum=50, title="How many of the best", description="Where no runs are named."),
    "experiment": Param(
        "",
        type="string",
        maxLength=100,
        title="Experiment",
        description="Whose best runs, where none are named; empty takes the project's own.",
    ),
}

for project in projects(with_model=True):
    with pipeline(project, "comparison", "training", __doc__, params={**PARAMS, **environment_param(project)}) as dag:
        CompareRunsOperator(
            task_id="compare_runs",
            project=project.name,
            run_ids="{{ params.run_ids | tojson }}",
            best="{{ params.best }}",
            experiment="{{ params.experiment }}",
        )
    globals()[dag.dag_id] = dag
