from .alert import CloseAlertOperator, RaiseAlertOperator
from .drift import DriftSensor, DriftTrigger
from .jobs import CheckTestRowsOperator, DriftReportOperator, FourWayOperator

__all__ = [
    "CheckTestRowsOperator",
    "CloseAlertOperator",
    "DriftReportOperator",
    "DriftSensor",
    "DriftTrigger",
    "FourWayOperator",
    "RaiseAlertOperator",
]
