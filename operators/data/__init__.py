"""Tasks of the data area: rounds, checks, versions, splits, bundles."""

from operators.data.bundle import MakeBundleOperator, MakeFilteredBundleOperator
from operators.data.collect import CollectOperatingRoundOperator, CollectRoundOperator
from operators.data.dictionary import LoadDictionaryOperator
from operators.data.features import ComputeFeaturesOperator, MaterialiseFeaturesOperator
from operators.data.labelling import (
    ImportLabelsOperator,
    PullLabelsOperator,
    PushTasksOperator,
    SendBackOperator,
)
from operators.data.labelling_sensor import LabellingSensor
from operators.data.merge import CheckRoundOperator, MergeRoundOperator, RefineRoundOperator
from operators.data.privacy import ApproveSampleOperator, MaskSampleOperator
from operators.data.profile import ProfileVersionOperator
from operators.data.review import ReviewRoundOperator
from operators.data.rollback import RollBackDataOperator
from operators.data.sensors import NewDataSensor
from operators.data.status import StatusReportOperator
from operators.data.truths import TruthsSensor
from operators.data.version import MakeSplitOperator, TagVersionOperator

__all__ = [
    "ApproveSampleOperator",
    "CheckRoundOperator",
    "CollectOperatingRoundOperator",
    "CollectRoundOperator",
    "ComputeFeaturesOperator",
    "ImportLabelsOperator",
    "LabellingSensor",
    "LoadDictionaryOperator",
    "MakeBundleOperator",
    "MakeFilteredBundleOperator",
    "MakeSplitOperator",
    "MaskSampleOperator",
    "MaterialiseFeaturesOperator",
    "MergeRoundOperator",
    "NewDataSensor",
    "ProfileVersionOperator",
    "PullLabelsOperator",
    "PushTasksOperator",
    "RefineRoundOperator",
    "ReviewRoundOperator",
    "RollBackDataOperator",
    "SendBackOperator",
    "StatusReportOperator",
    "TagVersionOperator",
    "TruthsSensor",
]
