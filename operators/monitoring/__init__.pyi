from .alert import CloseAlertOperator, RaiseAlertOperator
from .drift import DriftSensor, DriftTrigger
from .jobs import DriftReportOperator, FourWayOperator

__all__ = ["CloseAlertOperator", "DriftReportOperator", "DriftSensor", "DriftTrigger", "FourWayOperator", "RaiseAlertOperator"]
