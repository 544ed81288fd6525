from __future__ import annotations

import json
from typing import Any

import pytest

from include.data.status import status, status_report
from include.data.status.report import render
from include.settings import Settings

HOSTILE = "<script>alert('x')</script>"


def told(**more: Any) -> dict[str, Any]:
    """Return a status with names that nobody should have."""
    one = {"number": 1, "kind": "collected", "source": HOSTILE, "author": HOSTILE, "run_id": "dag/<b>", "created_at": "no time"}
    one |= {"count": 3, "bytes": 9, "labelled": 3, "labels": {}, "merged": "abc", "report": None, "refined": None, "review": None}
    one |= {"checks": {"ok": False, "ran": 2, "failed": [{"name": HOSTILE, "value": "한글 😀", "limit": "<"}], "warnings": 1}}
    base = {"project": "digits", "title": HOSTILE, "zone": "dev", "repository": "digits-dev", "commit": "abc", "at": "now"}
    base |= {"problem": None, "totals": {"rounds": 1, "items": 3, "labelled": 3, "bytes": 9, "versions": 0, "splits": 0}}
    base |= {
        "states": [{"state": "raw", "items": 3, "of": "1 rounds"}],
        "classes": [{"class": HOSTILE, "raw": 3, "version": None}],
    }
    base |= {"labelling": {"version": None, "rounds": []}, "quality": [], "rounds": [one], "versions": [], "splits": []}
    base |= {"sources": [{"source": "javascript:alert(1)", "rounds": 1, "items": 3, "bytes": 9, "first": "a", "last": "b"}]}
    return {**base, "growth": [], **more}


def test_text_from_outside_is_shown_and_never_run() -> None:
    run = {"run_id": f"dag/{HOSTILE}", "problem": None, "rounds": told()["rounds"], "versions": [], "splits": []}
    page = render(Settings(), told(), {**run, "tasks": {HOSTILE: "failed"}})
    assert "<script" not in page and page.count("&lt;script&gt;") > 5 and "한글 😀" in page
    assert 'href="javascript' not in page
    assert "What round 1 does not hold" in page


def test_a_problem_is_told_and_nothing_else() -> None:
    page = render(Settings(), told(problem=f"no answer {HOSTILE}"))
    assert "No numbers" in page and "<script" not in page and "At a glance" not in page


def test_many_rounds_are_cut_and_counted() -> None:
    rounds = [{**told()["rounds"][0], "number": number} for number in range(1, 1001)]
    growth = [{"at": f"2026-01-01T00:00:{n % 60:02d}+00:00", "items": n, "labelled": n, "bytes": n} for n in range(1000)]
    page = render(Settings(), told(rounds=rounds, growth=growth))
    assert "The newest 50 of 1,000 are shown." in page and ">1000</a>" in page and ">950</a>" not in page
    assert len(page) < 500_000 and "data:image/png" in page


def test_nothing_yet_says_what_to_do() -> None:
    assert "Start data_preparation" in render(Settings(), told(rounds=[], commit=None))


@pytest.mark.integration
def test_numbers_are_those_of_the_status_and_linked(world: Any, rows: Any) -> None:
    world.split(world.to_version("digits.data_preparation/manual 1"))
    page = status_report(world.settings, world.project, "dev", "digits.data_preparation/manual 1")
    totals = status(world.settings, world.project, "dev")["totals"]
    assert f">{totals['items']}<" in page and "stratified" in page and "This run" in page
    assert f"/devmlops/records/dev/{world.project.name}/v1/versions/v1.json" in page
    assert "/dags/digits.data_preparation/runs/manual%201" in page


@pytest.mark.integration
def test_a_quality_report_is_linked_where_it_lies(world: Any) -> None:
    world.to_version()
    world.dev.put("main", "rounds/000001/report.html", b"<html>")
    world.dev.put("main", "rounds/000002/round.json", json.dumps({"number": 2, "kind": "operating", "count": 1}).encode())
    world.dev.commit("main", "by hand", {})
    page = status_report(world.settings, world.project, "dev")
    assert "rounds/000001/report.html" in page and "rounds/000002/report.html" not in page
