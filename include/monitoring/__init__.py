"""Monitoring: sketches, windows of production rows, drift, alerts, reports, four-way comparison.

What is heavy (Evidently, pandas, MLflow, torch) is imported inside the functions that need it: the watch runs
in the triggerer at every poll.
"""

from include.monitoring.alerts import raise_drift_alert
from include.monitoring.compare import compare
from include.monitoring.drift import Score, drift_score, reference_sketch, window_sketch
from include.monitoring.errors import MonitoringError
from include.monitoring.four_way import four_way, require_test_rows
from include.monitoring.report import evidently_report
from include.monitoring.sketch import Sketch
from include.monitoring.unwatched import close_unwatched, raise_unwatched
from include.monitoring.windows import Drift, next_windows, watch

__all__ = [
    "Drift",
    "MonitoringError",
    "Score",
    "Sketch",
    "close_unwatched",
    "compare",
    "drift_score",
    "evidently_report",
    "four_way",
    "next_windows",
    "raise_drift_alert",
    "raise_unwatched",
    "reference_sketch",
    "require_test_rows",
    "watch",
    "window_sketch",
]
