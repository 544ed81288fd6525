from .alert import CloseAlertOperator, RaiseAlertOperator
from .drift import DriftSensor, DriftTrigger
from .jobs import DriftReportOperator, FourWayOperator
from .judgeable import CheckTestRowsOperator

__all__ = [
    "CheckTestRowsOperator",
    "CloseAlertOperator",
    "DriftReportOperator",
    "DriftSensor",
    "DriftTrigger",
    "FourWayOperator",
    "RaiseAlertOperator",
]
