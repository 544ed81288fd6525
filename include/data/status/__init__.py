"""Status: how much data there is, of what, in which state, how good; and the report of it."""

from include.data.status.overview import lines, status
from include.data.status.report import status_report
from include.data.status.run import run_status
from include.data.status.store import keep_report, quality_report_url, run_report

__all__ = ["keep_report", "lines", "quality_report_url", "run_report", "run_status", "status", "status_report"]
