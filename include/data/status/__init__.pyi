from .overview import lines, status
from .report import status_report
from .run import run_status
from .store import keep_report, quality_report_url, run_report

__all__ = ["keep_report", "lines", "quality_report_url", "run_report", "run_status", "status", "status_report"]
