"""Compute the project's feature views for a data version, and bring their newest values online.

**What it does.** For each view of `feature_views` in project.yaml: runs its transform over the rows of the data
version, keeps the result beside the data (`features/<view>/<definition>/<version>.parquet`), and writes the newest
values of each entity to the table that the inference AP looks them up in. Training and batch join the kept results
as of a time (`include.data.features.historical`).

**When to run it.** By itself after each new data version. By hand after a view or its code was changed, or for an
older version. What is kept already is not computed again, and no value online goes back in time.

**When it fails.** `compute_…` names the view, its transform and what is wrong with its result; nothing was written.
Mend the code and clear the task. `materialise_…` says where values of another definition are newer: run the pipeline
for the newest version. `python -m include.data.features freshness PROJECT` shows how old the values are.
"""

from airflow.sdk import Asset, Param

from operators.data import ComputeFeaturesOperator, MaterialiseFeaturesOperator
from operators.pipeline import pipeline, projects

PARAMS = {
    "version": Param(
        "", type="string", title="Data version", description="Such as v3; empty: the newest.", pattern="^(v[0-9]+)?$"
    ),
}

for project in projects():
    if not project.feature_views:
        continue
    with pipeline(project, "features", "data", __doc__, params=PARAMS, schedule=[Asset(f"{project.name}/data")]) as dag:
        for name, view in project.feature_views.items():
            computed = ComputeFeaturesOperator(
                task_id=f"compute_{name}", project=project.name, view=name, version="{{ params.version }}"
            )
            if view.online:
                MaterialiseFeaturesOperator(
                    task_id=f"materialise_{name}", project=project.name, view=name, features=computed.output
                )
    globals()[dag.dag_id] = dag
