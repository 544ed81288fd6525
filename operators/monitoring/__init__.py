"""Tasks of the monitoring area: watch for drift, raise the alert, report, compare four ways."""

from operators.monitoring.alert import CloseAlertOperator, RaiseAlertOperator
from operators.monitoring.drift import DriftSensor, DriftTrigger
from operators.monitoring.jobs import DriftReportOperator, FourWayOperator

__all__ = ["CloseAlertOperator", "DriftReportOperator", "DriftSensor", "DriftTrigger", "FourWayOperator", "RaiseAlertOperator"]
