"""Links of tasks to their reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


@attrs.define()
class ReportLink(BaseOperatorLink):
    """A button of the task that opens its report; grey where there is none.

    The operator sets `report_url` in `execute`. Airflow asks for the link when the task is over, also when it failed.

    Args:
        name: on the button.
    """

    name: str = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the report's address, empty where the task made none."""
        return getattr(operator, "report_url", None) or ""
