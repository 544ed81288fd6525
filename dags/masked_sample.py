"""Give dev a masked sample of ops data, once a person has approved what it still tells.

**What it does.** Draws rows of the ops repository by the seed of project.yaml, masks each by the rules under
`data.masking` (drop, hash, generalise, fake, redact), looks for personal data that is left, counts how many rows share
what may tell who somebody is, and writes masked rows and report to a branch of the dev repository. A person of the
approving role reads the report: see *Required Actions*. After a yes the round is merged and the next version tagged.

**When to run it.** When developers need data like those of production. Only projects with `data.masking` have it.

**What it needs.** The masking task alone holds the credentials of both zones and `DEVMLOPS_MASKING_SALT`. The same
salt gives the same hashes, so samples of different days still join; another salt cuts them apart.

**When it fails.** `mask_sample` says which column still holds personal data, or how many rows are too rare; nothing was
written: change the rules and start again. A refusal, no answer in time, the answer of whoever started the run, or a
task marked as success by hand all end without a merge. An approval is for one digest: changed rows need a new one.
"""

from airflow.sdk import Asset, Param, chain

from operators.data import (
    ApproveSampleOperator,
    CheckRoundOperator,
    MaskSampleOperator,
    MergeRoundOperator,
    RefineRoundOperator,
    TagVersionOperator,
)
from operators.pipeline import pipeline, projects

PARAMS = {
    "notes": Param("", type="string", title="Release notes", description="What the sample is for.", maxLength=2000),
}

for project in projects():
    if project.data.masking is None:
        continue
    with pipeline(project, "masked_sample", "data", __doc__, params=PARAMS, max_active_runs=16) as dag:
        name, masking = project.name, project.data.masking
        mask = MaskSampleOperator(task_id="mask_sample", project=name)
        refine = RefineRoundOperator(task_id="refine_round", project=name, round=mask.output)
        check = CheckRoundOperator(task_id="check_round", project=name, round=mask.output)
        approve = ApproveSampleOperator(
            task_id="approve_sample",
            project=name,
            sample=mask.output,
            role=masking.role,
            timeout_hours=masking.timeout_hours,
        )
        merge = MergeRoundOperator(task_id="merge_round", project=name, round=mask.output)
        TagVersionOperator(
            task_id="tag_version", project=name, round=merge.output, notes="{{ params.notes }}", outlets=[Asset(f"{name}/data")]
        )
        # The merge looks for the approval in the ledger by itself: this edge is for the order alone.
        chain(refine, check, approve, merge)
    globals()[dag.dag_id] = dag
