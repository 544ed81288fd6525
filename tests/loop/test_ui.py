"""An approver works in Airflow's web UI: sees what is decided, writes why, and answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from include.clients.airflow import AirflowClient
from include.ledger import Ledger
from tests.fixtures.platform import RunningPlatform

pytestmark = [pytest.mark.loop, pytest.mark.browser, pytest.mark.timeout(300)]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def page(loop_platform: RunningPlatform) -> Iterator:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser.new_page(viewport={"width": 1400, "height": 1500})
        browser.close()


def log_in(page, platform: RunningPlatform, user: str) -> None:
    page.goto(f"{platform.airflow_url}/auth/login/")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", platform.passwords[user])
    page.click("input[type=submit], button[type=submit]")
    page.wait_for_url(f"{platform.airflow_url}/**")


def test_an_approver_refuses_in_the_browser(loop_platform, page):
    """The release whose engines were killed waits for its answer; alone, this test makes one."""
    developer = AirflowClient(loop_platform.airflow_url, "developer", loop_platform.passwords["developer"])
    run_id = developer.trigger("digits.release", {}, run_id="killed")
    question = loop_platform.wait(lambda: developer.questions("digits.release", run_id), 180)[0]
    assert question["task_instance"]["task_id"] == "approve_model"
    ledger = Ledger(loop_platform.settings.ledger())
    release = next(r for r in ledger.releases("digits") if r.key.endswith(run_id))

    log_in(page, loop_platform, "approver2")
    page.goto(f"{loop_platform.airflow_url}/required_actions")
    page.get_by_text(release.id).first.wait_for()
    page.goto(f"{loop_platform.airflow_url}/dags/digits.release/runs/{run_id}/tasks/approve_model/required_actions")
    for shown in (release.digest, "accuracy of the baseline", "Staging, 50 rows through the AP", "Authors, who may not approve"):
        page.get_by_text(shown).first.wait_for()
    page.locator("#element_reason").fill("화면에서 보니 아직입니다")
    page.get_by_role("button", name="Refuse").click()

    *_, run = developer.follow("digits.release", run_id, 60)
    states = {task["task_id"]: task["state"] for task in developer.tasks("digits.release", run_id)}
    assert (run["state"], states["approve_model"], states["deploy"]) == ("failed", "failed", "upstream_failed")
    (answer,) = ledger.approvals(release.id)
    assert (answer.by, answer.decision, answer.reason) == ("approver2", "refused", "화면에서 보니 아직입니다")
    assert ledger.route("digits", "production").release_id != release.id
