"""Profile a data version: what it holds, on one page, before anybody trains with it.

**What it does.** Counts all items of a version by class, part, source, round and time; looks at a sample closely: types,
missing values, distributions, outliers, relations between columns and with the label, frequent words, contact sheets,
waves, trend and season, by the kind of content; shows what the project's transforms and augmentation make of them; and
tells what moved since another version. Columns about people are counted and not shown. The page lies in MLflow, in
a run of the experiment `<project>/profiles` with its numbers and plots; the task links it (Details).

**When to run it.** After a new version, before choosing transforms or models, and when a model got worse.

**When it fails.** The message names the version, part or column that is not there, or says that the data server or
MLflow does not answer. It changes no data; run it again.
"""

from airflow.sdk import Param

from operators.data import ProfileVersionOperator
from operators.pipeline import environment_param, pipeline, projects

VERSION = "^(v[0-9]+)?$"
PARAMS = {
    "version": Param("", type="string", pattern=VERSION, title="Data version", description="Such as v3; empty: the newest."),
    "part": Param(
        "whole",
        type="string",
        enum=["whole", "train", "validation", "test"],
        title="Part",
        description="The whole version, or a part of its newest split.",
    ),
    "columns": Param(
        [], type="array", items={"type": "string"}, maxItems=1000, title="Columns", description="Of a table; none takes all."
    ),
    "sample": Param(
        20_000,
        type="integer",
        minimum=1,
        maximum=1_000_000,
        title="Sample",
        description="Items to look at closely; counts are of all items.",
    ),
    "seed": Param(0, type="integer", minimum=0, maximum=2**31, title="Seed", description="Chooses the items of the sample."),
    "compare_with": Param(
        "", type="string", pattern=VERSION, title="Compare with", description="Another version, such as v2; empty: none."
    ),
}

for project in projects():
    with pipeline(project, "profile", "data", __doc__, params={**PARAMS, **environment_param(project)}) as dag:
        ProfileVersionOperator(
            task_id="profile_version",
            project=project.name,
            version="{{ params.version }}",
            part="{{ params.part }}",
            columns="{{ params.columns | tojson }}",
            sample="{{ params.sample }}",
            seed="{{ params.seed }}",
            compare_with="{{ params.compare_with }}",
        )
    globals()[dag.dag_id] = dag
