from __future__ import annotations

import pytest

from include.reports.links import beside, dag_run_url, link, mlflow_model_url, mlflow_run_url, record_url, report_url
from include.settings import Settings

SETTINGS = Settings(airflow_url="https://airflow.example/base/", mlflow_url="http://user:secret@mlflow:5000")


def test_addresses_are_quoted_and_hold_no_secret() -> None:
    assert report_url(SETTINGS, "dev", "digits", "a b/c", "reports/한글.html") == (
        "https://airflow.example/base/devmlops/reports/dev/digits/a%20b%2Fc/reports/%ED%95%9C%EA%B8%80.html"
    )
    assert record_url(SETTINGS, "ops", "digits", "v1", "versions/v1.json").endswith(
        "/devmlops/records/ops/digits/v1/versions/v1.json"
    )
    assert dag_run_url(SETTINGS, "digits.x/manual__2026-01-01T00:00:00+00:00") == (
        "https://airflow.example/base/dags/digits.x/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    )
    assert mlflow_run_url(SETTINGS, "1", "abc") == "http://mlflow:5000/#/experiments/1/runs/abc?workflowType=machine_learning"
    assert mlflow_model_url(SETTINGS, "digits", "3") == "http://mlflow:5000/#/models/digits/versions/3"


def test_an_artifact_has_an_address_and_so_has_what_lies_beside_it() -> None:
    url = mlflow_run_url(SETTINGS, "1", "abc", "reports/평가 1.html")
    start = "http://mlflow:5000/#/experiments/1/runs/abc/artifacts/reports/"
    assert url == f"{start}%ED%8F%89%EA%B0%80%201.html?workflowType=machine_learning"
    assert beside(url, "x.html") == f"{start}x.html?workflowType=machine_learning" and beside("a/b", "c") == "a/c"


@pytest.mark.parametrize("key", ["", "r1", "/r1", "dag/"])
def test_what_is_no_airflow_run_has_no_address(key: str) -> None:
    assert dag_run_url(SETTINGS, key) is None


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:x"])
def test_what_a_browser_would_run_is_no_link(url: str | None) -> None:
    assert link("<b>", url) == "&lt;b&gt;"


def test_a_link_is_escaped() -> None:
    assert link("<b>", 'https://x/"><script>') == '<a href="https://x/&#34;&gt;&lt;script&gt;">&lt;b&gt;</a>'
