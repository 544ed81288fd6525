from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include.clients.lakefs import DataError
from include.data.status import keep_report, quality_report_url, run_report
from include.data.status.store import run_report_path

pytestmark = pytest.mark.integration


def keep(world: Any, path: str, text: str) -> dict[str, str]:
    return keep_report(world.settings, world.project, "dev", {path: text}, "보고", "developer")


def test_a_report_is_kept_beside_main(world: Any) -> None:
    world.to_version()
    head = world.dev.head("main")
    first = keep(world, "reports/a.html", "하나 😀")
    again = keep(world, "reports/a.html", "둘")
    assert world.dev.get(first["ref"], first["path"]).decode() == "하나 😀", "a link shows what was reported then"
    assert world.dev.get("reports", "reports/a.html").decode() == world.dev.get(again["ref"], again["path"]).decode() == "둘"
    assert keep(world, "reports/a.html", "둘")["path"] == "reports/a.html", "the same again is no error"
    assert world.dev.head("main") == head and "reports/a.html" not in list(world.dev.list("main"))
    assert world.dev.commit_info(first["ref"]).metadata["author"] == "developer"


def test_many_at_once(world: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda n: keep(world, f"reports/{n}.html", f"text {n}"), range(12)))
    for number, one in enumerate(found):
        assert world.dev.get(one["ref"], one["path"]).decode() == f"text {number}"


def test_a_run_that_changed_nothing_and_failed_nowhere_leaves_no_report(world: Any) -> None:
    ask = (world.settings, world.project, "dev", "dag/run", "developer")
    assert run_report(*ask, {"collect_round": "skipped"})["report"] is None
    assert not world.dev.has("reports")
    failed = run_report(*ask, {"collect_round": "failed", "merge_round": "upstream_failed"})
    page = world.dev.get(failed["report"]["ref"], failed["report"]["path"]).decode()
    assert "collect_round" in page and "upstream_failed" in page
    assert failed["url"].endswith(f"/{failed['report']['ref']}/{failed['report']['path']}")


def test_a_run_s_report_names_its_versions(world: Any) -> None:
    world.to_version("dag/run")
    made = run_report(world.settings, world.project, "dev", "dag/run", "developer", {"make_split": "success"})
    assert made["versions"] == ["v1"] and made["totals"]["items"] == 200 and made["lines"]


def test_a_data_server_that_is_down_is_an_error(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.clients.lakefs.CONNECT_TRIES", 0)
    down = world.settings.model_copy(update={"data_dev_url": "http://127.0.0.1:9"})
    with pytest.raises(DataError, match="no answer"):
        run_report(down, world.project, "dev", "dag/run", "developer", {})


def test_paths_are_plain_and_differ() -> None:
    paths = {run_report_path(run) for run in ("dag/../../x", "dag/한글", "dag/한국", "a" * 500, "a" * 501)}
    assert len(paths) == 5 and all(len(path) < 120 and ".." not in path and path.isascii() for path in paths)


def test_where_a_quality_report_lies(world: Any) -> None:
    ref = world.collect()
    assert quality_report_url(world.settings, world.project, ref) is None
    world.dev.put(ref["branch"], "rounds/000001/report.html", b"<html>")
    commit = world.dev.commit(ref["branch"], "report", {"step": "checks", "round": 1, "run_id": "r1", "kind": "collected"})
    url = quality_report_url(world.settings, world.project, ref)
    assert url is not None and url.endswith(f"/devmlops/reports/dev/{world.project.name}/{commit}/rounds/000001/report.html")
    assert quality_report_url(world.settings, world.project, {**ref, "count": 0}) is None
    assert quality_report_url(world.settings, world.project, {**ref, "branch": "gone", "commit": commit}) == url
