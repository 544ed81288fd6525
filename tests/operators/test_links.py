from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from operators.data import CheckRoundOperator, StatusReportOperator, TagVersionOperator
from operators.links import ReportLink


def test_the_link_is_what_the_task_made() -> None:
    key: Any = None
    assert ReportLink("Report").get_link(SimpleNamespace(report_url="https://x/a"), ti_key=key) == "https://x/a"  # type: ignore[arg-type]
    assert ReportLink("Report").get_link(SimpleNamespace(report_url=None), ti_key=key) == ""  # type: ignore[arg-type]
    assert ReportLink("Report").get_link(SimpleNamespace(), ti_key=key) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (CheckRoundOperator(task_id="check", project="digits", round={}), "Quality report"),
        (TagVersionOperator(task_id="tag", project="digits", round={}), "Data sheet"),
        (StatusReportOperator(task_id="status", project="digits"), "Status report"),
    ],
)
def test_operators_have_one(operator: Any, name: str) -> None:
    (link,) = operator.operator_extra_links
    assert (link.name, link.xcom_key) == (name, "_link_ReportLink") and operator.report_url is None
