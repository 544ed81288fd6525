"""Make a release of a confirmed model, get it approved, and deploy it.

**What it does.** Exports and quantises the model, checks the inference code, packages both for the model server,
compares every answer of all forms, tests model and service together behind the staging route, and seals all of it
under one digest. People of the approving role then answer each step of the project's policy: see *Required Actions*.
After the last yes the deploying task computes the digest again, checks the approvals itself, and switches once.

**When to run it.** When a confirmed model should go into production. Retraining starts it by itself.

**Where it runs.** Jobs run where project.yaml says, or where the form of the run says; those that work with a ledger or a
model server's folder of this machine stay here.

**When it fails.** Each report says which number missed which limit; nothing is deployed. A refusal, no answer in time,
an author's own approval, or a task marked as success by hand all end without deployment. Start a new run for a new
release: approvals are for one digest and are used once.
"""

from airflow.sdk import Asset, Param, chain

from operators.pipeline import environment_param, pipeline, projects
from operators.release import (
    ApprovalStepOperator,
    DeployOperator,
    OpenReleaseOperator,
    OptimiseOperator,
    PackageOperator,
    ParityOperator,
    SealReleaseOperator,
    StagingTestOperator,
    StaticChecksOperator,
)

PARAMS = {
    "model_version": Param(
        "",
        type="string",
        pattern="^[0-9]*$",
        title="Model version",
        description="Registered version to release; empty takes the newest confirmed one.",
    ),
}

for project in projects(with_model=True):
    # One that waits for people does not hold up the next.
    params = {**PARAMS, **environment_param(project)}
    with pipeline(project, "release", "release", __doc__, params=params, max_active_runs=16) as dag:
        name = project.name
        opened = OpenReleaseOperator(task_id="open_release", project=name, model_version="{{ params.model_version }}")
        optimise = OptimiseOperator(task_id="optimise", project=name, release=opened.output)
        static_checks = StaticChecksOperator(task_id="static_checks", project=name, release=opened.output)
        package = PackageOperator(task_id="package", project=name, release=opened.output)
        parity = ParityOperator(task_id="parity", project=name, release=opened.output)
        # There is one staging route.
        staging = StagingTestOperator(task_id="staging_test", project=name, release=opened.output, max_active_tis_per_dag=1)
        seal = SealReleaseOperator(task_id="seal", project=name, release=opened.output)
        approvals = [
            ApprovalStepOperator(
                task_id=step.name,
                project=name,
                release=seal.output,
                step=step.name,
                role=step.role,
                title=step.title,
                timeout_minutes=project.approval.timeout_minutes,
            )
            for step in project.approval.steps
        ]
        deploy = DeployOperator(task_id="deploy", project=name, release=seal.output, outlets=[Asset(f"{name}/production")])
        chain([optimise, static_checks], package, parity, staging, seal, *approvals, deploy)
    globals()[dag.dag_id] = dag
