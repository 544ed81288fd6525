"""Reports of data pipelines in the real Airflow: made, linked, shown to those who may see them; and lineage events."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from include.data import rounds
from include.data.records import records
from include.projects import load_project
from include.settings import ROOT
from tests.fixtures.platform import AIRFLOW, RunningPlatform, new_platform, remove

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PREPARATION = "reported.data_preparation"
TITLE = "손글씨 <script>alert(1)</script> 😀"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage") / "events.jsonl"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, events: Path) -> Iterator[RunningPlatform]:
    """Airflow, with lineage events to a file, and a data server with one project."""
    folder = tmp_path_factory.mktemp("projects")
    document = yaml.safe_load((ROOT / "include/projects/digits/project.yaml").read_text(encoding="utf-8"))
    document["name"], document["title"], document["components"] = "reported", TITLE, {}
    document["data"]["checks"] = {"max_duplicates": 1.0}
    (folder / "reported").mkdir()
    (folder / "reported" / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    made = new_platform(projects_dir=folder)
    with pytest.MonkeyPatch.context() as patch:
        transport = {"type": "file", "log_file_path": str(events), "append": True}
        patch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
        try:
            made.up(("data-server", *AIRFLOW), timeout_s=280)
            platform = RunningPlatform(made)
            platform.wait_for_dag(PREPARATION)
            platform.call("operator", "PATCH", f"/dags/{PREPARATION}", json={"is_paused": False})
            yield platform
        finally:
            remove(made)


def fill(platform: RunningPlatform, begin: int, count: int, most: int = 17) -> None:
    path = Path(platform.settings.source_url.get_secret_value().removeprefix("sqlite:///"))
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(begin).integers(most - 17, most, (count, 64), dtype=np.uint8)
    rows = [(begin + n + 1, values[n].tobytes(), n % 10, "2026-01-05T09:00:00+09:00") for n in range(count)]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT)"
        )
        connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)


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
def good(running: RunningPlatform) -> str:
    """A run that went well."""
    fill(running, 0, 300)
    run_id = running.trigger(PREPARATION, {"notes": "첫 판 <b>"}, run_id="good:1")
    assert running.wait_for_run(PREPARATION, run_id, timeout_s=240) == "success", log(running, run_id, "status_report")
    return run_id


@pytest.fixture(scope="module")
def bad(running: RunningPlatform, good: str) -> str:
    """A run after it whose check does not pass."""
    fill(running, 300, 100, most=30)
    run_id = running.trigger(PREPARATION, run_id="bad")
    assert running.wait_for_run(PREPARATION, run_id, timeout_s=240) == "failed"
    return run_id


def test_a_good_run_links_its_report_and_the_data_sheet(running: RunningPlatform, good: str) -> None:
    assert state(running, good, "status_report") == "success"
    url = links(running, good, "status_report")["Status report"]
    assert url is not None and url.startswith(f"{running.airflow_url}/devmlops/reports/dev/reported/")
    page = get(running, url)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert (
        "sandbox" in page.headers["content-security-policy"] and "default-src 'none'" in page.headers["content-security-policy"]
    )
    assert "<script" not in page.text and "손글씨 &lt;script&gt;alert(1)&lt;/script&gt; 😀: data status" in page.text
    assert "This run" in page.text and "첫 판 &lt;b&gt;" in page.text and ">300<" in page.text
    assert "300 items" in log(running, good, "status_report")

    sheet = links(running, good, "tag_version")["Data sheet"]
    assert sheet is not None
    shown = get(running, sheet)
    assert shown.status_code == 200 and "data sheet" in shown.text and "<svg" in shown.text
    assert "stratified" in shown.text, "the sheet was made again after the split"
    assert "Runs and models are missing here: MLflow" in shown.text

    project = load_project("reported", running.settings.projects_dir)
    repo = rounds.repository(running.settings, project, "dev")
    assert not [path for path in repo.list("main") if path.startswith(("reports/", "sheets/"))], "main stays as it is"
    for address in re.findall(r'href="(http[^"]+/devmlops/records/[^"]+)"', page.text + shown.text):
        answer = get(running, address)
        assert answer.status_code == 200 and answer.json(), address


def test_a_failed_run_has_its_report_and_stays_failed(running: RunningPlatform, bad: str) -> None:
    assert state(running, bad, "check_round") == "failed" and state(running, bad, "merge_round") == "upstream_failed"
    assert state(running, bad, "status_report") == "success"
    url = links(running, bad, "status_report")["Status report"]
    assert url is not None
    page = get(running, url).text
    assert "What round 2 does not hold" in page and "content_range" in page and "on branch run-" in page
    assert links(running, bad, "tag_version") == {"Data sheet": None}


def test_a_run_without_news_makes_no_report(running: RunningPlatform, good: str) -> None:
    project = load_project("reported", running.settings.projects_dir)
    path = Path(running.settings.source_url.get_secret_value().removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM scans WHERE id > 300")
    before = rounds.repository(running.settings, project, "dev").head("reports")
    run_id = running.trigger(PREPARATION, run_id="nothing")
    assert running.wait_for_run(PREPARATION, run_id) == "success"
    assert state(running, run_id, "status_report") == "skipped"
    assert rounds.repository(running.settings, project, "dev").head("reports") == before


def test_who_may_see_a_report(running: RunningPlatform, good: str) -> None:
    url = links(running, good, "status_report")["Status report"]
    assert url is not None
    stranger = get(running, url, None)
    assert stranger.status_code in (302, 303, 307, 401) and "손글씨" not in stranger.text
    record = url.replace("/reports/dev", "/records/dev").rpartition("/reports/")[0] + "/versions/v1.json"
    assert get(running, record, None).status_code in (302, 303, 307, 401)
    assert get(running, record).json()["version"] == "v1"
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
def test_what_is_no_report_is_refused(running: RunningPlatform, good: str, path: str, code: int | tuple[int, ...]) -> None:
    answer = get(running, f"{running.airflow_url}/devmlops/{path}")
    assert answer.status_code in (code if isinstance(code, tuple) else (code,)), answer.text
    assert "root:" not in answer.text and "Traceback" not in answer.text


def test_lineage_events(running: RunningPlatform, good: str, bad: str, events: Path) -> None:
    from openlineage.client.event_v2 import RunEvent

    project = load_project("reported", running.settings.projects_dir)
    found = records(running.settings, project, "dev")
    space = f"lakefs://{running.settings.data_dev_url.removeprefix('http://')}/reported-dev"

    def of(task: str, run_id: str, kind: str = "COMPLETE") -> dict[str, Any]:
        told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
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

    text = events.read_text(encoding="utf-8")
    secrets = [running.settings.data_dev_secret_key, running.settings.data_ops_secret_key, running.settings.webhook_token]
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
def test_a_viewer_opens_the_report_from_the_task(running: RunningPlatform, good: str, tmp_path: Path) -> None:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    url = links(running, good, "status_report")["Status report"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        errors: list[str] = []
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(f"{running.airflow_url}/auth/login/")
        page.fill("input[name=username]", "viewer")
        page.fill("input[name=password]", running.passwords["viewer"])
        page.click("input[type=submit], button[type=submit]")
        page.wait_for_url(f"{running.airflow_url}/**")
        page.goto(f"{running.airflow_url}/dags/{PREPARATION}/runs/{good}/tasks/status_report/details")
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
        page.goto(links(running, good, "tag_version")["Data sheet"])
        page.locator("svg[aria-label=Lineage]").wait_for()
        page.screenshot(path=tmp_path / "sheet.png", full_page=True)
        assert errors == []
        browser.close()
    print(tmp_path)
