"""Reports of data pipelines in the real Airflow: made, linked, shown to those who may see them; and lineage events."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.data import rounds
from include.data.records import records
from include.projects import load_project
from tests.fixtures.airflow_platform import fill, source_file
from tests.fixtures.platform import RunningPlatform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PREPARATION = "reported.data_preparation"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def links(platform: RunningPlatform, run_id: str, task: str) -> dict[str, str | None]:
    answer = platform.call("viewer", "GET", f"/dags/{PREPARATION}/dagRuns/{run_id}/taskInstances/{task}/links")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["extra_links"])


def state(platform: RunningPlatform, run_id: str, task: str) -> str:
    return str(platform.call("viewer", "GET", f"/dags/{PREPARATION}/dagRuns/{run_id}/taskInstances/{task}").json()["state"])


def log(platform: RunningPlatform, run_id: str, task: str) -> str:
    return platform.call("viewer", "GET", f"/dags/{PREPARATION}/dagRuns/{run_id}/taskInstances/{task}/logs/1").text


def get(platform: RunningPlatform, url: str, user: str | None = "viewer") -> httpx.Response:
    headers = {"Authorization": f"Bearer {platform.token(user)}"} if user else {}
    return httpx.get(url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def good(airflow_platform: RunningPlatform) -> str:
    """A run that went well."""
    fill(airflow_platform.settings, "reported", 0, 300)
    run_id = airflow_platform.trigger(PREPARATION, {"notes": "첫 판 <b>"}, run_id="good:1")
    assert airflow_platform.wait_for_run(PREPARATION, run_id, timeout_s=240) == "success", log(
        airflow_platform, run_id, "status_report"
    )
    return run_id


@pytest.fixture(scope="module")
def bad(airflow_platform: RunningPlatform, good: str) -> str:
    """A run after it whose check does not pass."""
    fill(airflow_platform.settings, "reported", 300, 100, most=30)
    run_id = airflow_platform.trigger(PREPARATION, run_id="bad")
    assert airflow_platform.wait_for_run(PREPARATION, run_id, timeout_s=240) == "failed"
    return run_id


def test_a_good_run_links_its_report_and_the_data_sheet(airflow_platform: RunningPlatform, good: str) -> None:
    assert state(airflow_platform, good, "status_report") == "success"
    url = links(airflow_platform, good, "status_report")["Status report"]
    assert url is not None and url.startswith(f"{airflow_platform.airflow_url}/devmlops/reports/dev/reported/")
    page = get(airflow_platform, url)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert (
        "sandbox" in page.headers["content-security-policy"] and "default-src 'none'" in page.headers["content-security-policy"]
    )
    assert "<script" not in page.text and "손글씨 &lt;script&gt;alert(1)&lt;/script&gt; 😀: data status" in page.text
    assert "This run" in page.text and "첫 판 &lt;b&gt;" in page.text and ">300<" in page.text
    assert "300 items" in log(airflow_platform, good, "status_report")

    sheet = links(airflow_platform, good, "tag_version")["Data sheet"]
    assert sheet is not None
    shown = get(airflow_platform, sheet)
    assert shown.status_code == 200 and "data sheet" in shown.text and "<svg" in shown.text
    assert "stratified" in shown.text, "the sheet was made again after the split"
    assert "Runs and models are missing here: MLflow" in shown.text

    project = load_project("reported", airflow_platform.settings.projects_dir)
    repo = rounds.repository(airflow_platform.settings, project, "dev")
    assert not [path for path in repo.list("main") if path.startswith(("reports/", "sheets/"))], "main stays as it is"
    for address in re.findall(r'href="(http[^"]+/devmlops/records/[^"]+)"', page.text + shown.text):
        answer = get(airflow_platform, address)
        assert answer.status_code == 200 and answer.json(), address


def test_a_failed_run_has_its_report_and_stays_failed(airflow_platform: RunningPlatform, bad: str) -> None:
    assert (
        state(airflow_platform, bad, "check_round") == "failed"
        and state(airflow_platform, bad, "merge_round") == "upstream_failed"
    )
    assert state(airflow_platform, bad, "status_report") == "success"
    url = links(airflow_platform, bad, "status_report")["Status report"]
    assert url is not None
    page = get(airflow_platform, url).text
    assert "What round 2 does not hold" in page and "content_range" in page and "on branch run-" in page
    assert links(airflow_platform, bad, "tag_version") == {"Data sheet": None}


def test_a_run_without_news_makes_no_report(airflow_platform: RunningPlatform, good: str) -> None:
    project = load_project("reported", airflow_platform.settings.projects_dir)
    with sqlite3.connect(source_file(airflow_platform.settings)) as connection:
        connection.execute("DELETE FROM reported WHERE id > 300")
    before = rounds.repository(airflow_platform.settings, project, "dev").head("reports")
    run_id = airflow_platform.trigger(PREPARATION, run_id="nothing")
    assert airflow_platform.wait_for_run(PREPARATION, run_id) == "success"
    assert state(airflow_platform, run_id, "status_report") == "skipped"
    assert rounds.repository(airflow_platform.settings, project, "dev").head("reports") == before


def test_who_may_see_a_report(airflow_platform: RunningPlatform, good: str) -> None:
    url = links(airflow_platform, good, "status_report")["Status report"]
    assert url is not None
    stranger = get(airflow_platform, url, None)
    assert stranger.status_code in (302, 303, 307, 401) and "손글씨" not in stranger.text
    record = url.replace("/reports/dev", "/records/dev").rpartition("/reports/")[0] + "/versions/v1.json"
    assert get(airflow_platform, record, None).status_code in (302, 303, 307, 401)
    assert get(airflow_platform, record).json()["version"] == "v1"
    forged = httpx.get(url, headers={"Authorization": "Bearer nonsense"}, timeout=60)
    assert forged.status_code in (401, 403)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("reports/dev/nobody/main/reports/x.html", 404),
        ("reports/dev/..%2Freported/main/reports/x.html", (404, 422)),
        ("reports/dev/reported/main/rounds/000001/items.parquet", 422),
        ("reports/dev/reported/main/..%2F..%2Fetc%2Fpasswd", 422),
        ("reports/dev/reported/main/reports/..%2F..%2Fx.html", 404),
        ("reports/dev/reported/main/%00.html", 422),
        ("reports/dev/reported/a%20b/reports/x.html", 422),
        ("reports/prod/reported/main/reports/x.html", 422),
        ("reports/dev/reported/no-such-branch/reports/x.html", 404),
        ("records/dev/reported/main/rounds/000001/items.parquet", 422),
        ("records/dev/reported/main/rounds/000001/round.json%0A", (404, 422)),
        ("records/dev/reported/main/..%2Fversions%2Fv1.json", 422),
        ("records/dev/reported/main/versions/v99.json", 404),
    ],
)
def test_what_is_no_report_is_refused(
    airflow_platform: RunningPlatform, good: str, path: str, code: int | tuple[int, ...]
) -> None:
    answer = get(airflow_platform, f"{airflow_platform.airflow_url}/devmlops/{path}")
    assert answer.status_code in (code if isinstance(code, tuple) else (code,)), answer.text
    assert "root:" not in answer.text and "Traceback" not in answer.text


def test_lineage_events(airflow_platform: RunningPlatform, good: str, bad: str, lineage_events: Path) -> None:
    from openlineage.client.event_v2 import RunEvent

    project = load_project("reported", airflow_platform.settings.projects_dir)
    found = records(airflow_platform.settings, project, "dev")
    space = f"lakefs://{airflow_platform.settings.data_dev_url.removeprefix('http://')}/reported-dev"

    def of(task: str, run_id: str, kind: str = "COMPLETE") -> dict[str, Any]:
        told = [json.loads(line) for line in lineage_events.read_text(encoding="utf-8").splitlines()]
        mine = [one for one in told if one["job"]["name"] == f"{PREPARATION}.{task}" and one["eventType"] == kind]
        mine = [one for one in mine if one["run"]["facets"]["airflow"]["dagRun"]["run_id"] == run_id]
        assert mine, (task, kind, {(one["job"]["name"], one["eventType"]) for one in told})
        return dict(mine[-1])

    def places(sets: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return [(one["namespace"], one["name"]) for one in sets]

    collect = of("collect_round", good)
    assert places(collect["inputs"]) == [("source://reported", found.rounds[0]["source"])]
    assert places(collect["outputs"]) == [(space, "rounds/000001")]
    facets = collect["outputs"][0]["facets"]
    assert {"item_id", "content", "label"} <= {one["name"] for one in facets["schema"]["fields"]}
    assert facets["version"]["datasetVersion"] == found.rounds[0]["digest"]
    assert collect["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 300

    checked = of("check_round", good)["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {one["assertion"]: one["success"] for one in checked}["content_range"] is True
    tag = of("tag_version", good)
    assert (space, "rounds/000001") in places(tag["inputs"]) and (space, "versions/v1") in places(tag["outputs"])
    split = of("make_split", good)
    assert places(split["inputs"]) == [(space, "versions/v1")]
    assert places(split["outputs"]) == [(space, f"splits/{found.splits[0]['digest'].removeprefix('sha256:')}")]
    failed = of("check_round", bad, "FAIL")
    assert places(failed["inputs"]) == [(space, "rounds/000002")]

    text = lineage_events.read_text(encoding="utf-8")
    secrets = [
        airflow_platform.settings.data_dev_secret_key,
        airflow_platform.settings.data_ops_secret_key,
        airflow_platform.settings.webhook_token,
    ]
    assert not [one for one in secrets if one.get_secret_value() and one.get_secret_value() in text]
    from openlineage.client.serde import Serde

    for line in text.splitlines():
        event = json.loads(line)
        names = ("eventType", "eventTime", "producer")
        made = RunEvent(run=_run(event), job=_job(event), **{name: event[name] for name in names})
        assert json.loads(Serde.to_json(made))["eventType"] == event["eventType"]


def _run(event: dict[str, Any]) -> Any:
    from openlineage.client.event_v2 import Run

    return Run(runId=event["run"]["runId"])  # refuses what is no UUID


def _job(event: dict[str, Any]) -> Any:
    from openlineage.client.event_v2 import Job

    return Job(namespace=event["job"]["namespace"], name=event["job"]["name"])


@pytest.mark.browser
def test_a_viewer_opens_the_report_from_the_task(airflow_platform: RunningPlatform, good: str, tmp_path: Path) -> None:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    url = links(airflow_platform, good, "status_report")["Status report"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        errors: list[str] = []
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(f"{airflow_platform.airflow_url}/auth/login/")
        page.fill("input[name=username]", "viewer")
        page.fill("input[name=password]", airflow_platform.passwords["viewer"])
        page.click("input[type=submit], button[type=submit]")
        page.wait_for_url(f"{airflow_platform.airflow_url}/**")
        page.goto(f"{airflow_platform.airflow_url}/dags/{PREPARATION}/runs/{good}/tasks/status_report/details")
        button = page.get_by_role("link", name="Status report")
        try:
            button.first.wait_for()
        finally:
            page.screenshot(path=tmp_path / "task.png", full_page=True)
        assert button.first.get_attribute("href") == url
        page.goto(url)
        page.get_by_text("At a glance").first.wait_for()
        page.screenshot(path=tmp_path / "status.png", full_page=True)
        page.get_by_role("link", name="v1").first.click()
        page.get_by_text('"version": "v1"').first.wait_for()
        page.goto(links(airflow_platform, good, "tag_version")["Data sheet"])
        page.locator("svg[aria-label=Lineage]").wait_for()
        page.screenshot(path=tmp_path / "sheet.png", full_page=True)
        assert errors == []
        browser.close()
    print(tmp_path)
