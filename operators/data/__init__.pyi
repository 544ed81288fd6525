from .bundle import MakeBundleOperator, MakeFilteredBundleOperator
from .collect import CollectOperatingRoundOperator, CollectRoundOperator
from .dictionary import LoadDictionaryOperator
from .features import ComputeFeaturesOperator, MaterialiseFeaturesOperator
from .labelling import (
    ImportLabelsOperator,
    PullLabelsOperator,
    PushTasksOperator,
    SendBackOperator,
)
from .labelling_sensor import LabellingSensor
from .merge import CheckRoundOperator, MergeRoundOperator, RefineRoundOperator
from .privacy import ApproveSampleOperator, MaskSampleOperator
from .profile import ProfileVersionOperator
from .review import ReviewRoundOperator
from .rollback import RollBackDataOperator
from .sensors import NewDataSensor
from .status import StatusReportOperator
from .truths import TruthsSensor
from .version import MakeSplitOperator, TagVersionOperator

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
