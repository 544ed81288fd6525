"""Tasks of the release area: optimise, check, package, test, seal, approve, deploy, roll back."""

from operators.release.approve import ApprovalStepOperator
from operators.release.build import OpenReleaseOperator, PackageOperator, SealReleaseOperator, StaticChecksOperator
from operators.release.deploy import DeployOperator, RollbackOperator
from operators.release.jobs import OptimiseOperator, ParityOperator, StagingTestOperator

__all__ = [
    "ApprovalStepOperator",
    "DeployOperator",
    "OpenReleaseOperator",
    "OptimiseOperator",
    "PackageOperator",
    "ParityOperator",
    "RollbackOperator",
    "SealReleaseOperator",
    "StagingTestOperator",
    "StaticChecksOperator",
]
