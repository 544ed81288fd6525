"""Tasks of the data area: rounds, checks, versions, splits, bundles."""

from operators.data.bundle import MakeBundleOperator
from operators.data.collect import CollectOperatingRoundOperator, CollectRoundOperator
from operators.data.merge import CheckRoundOperator, MergeRoundOperator
from operators.data.truths import TruthsSensor
from operators.data.version import MakeSplitOperator, TagVersionOperator

__all__ = [
    "CheckRoundOperator",
    "CollectOperatingRoundOperator",
    "CollectRoundOperator",
    "MakeBundleOperator",
    "MakeSplitOperator",
    "MergeRoundOperator",
    "TagVersionOperator",
    "TruthsSensor",
]
