from .approve import ApprovalStepOperator
from .build import OpenReleaseOperator, PackageOperator, SealReleaseOperator, StaticChecksOperator
from .deploy import DeployOperator, RollbackOperator
from .jobs import OptimiseOperator, ParityOperator, StagingTestOperator

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
