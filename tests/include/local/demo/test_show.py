"""The summary is there after every step, whole, also when a step fails."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from include.local.demo.show import SKELETON, Show


def test_steps_and_times(tmp_path):
    out = io.StringIO()
    show = Show(tmp_path / "demo" / "summary.json", Console(file=out, width=120))
    with show.step("데이터") as step:
        step.now("하는 중")
        for _ in range(2):
            step.say("http://127.0.0.1:8080/" + "x" * 150)
        step.result = "v1"
    with pytest.raises(RuntimeError), show.step("model"):
        raise RuntimeError("out of memory")
    written = json.loads(show.path.read_text(encoding="utf-8"))
    assert [(s["name"], s["state"]) for s in written["steps"]] == [("데이터", "ok"), ("model", "failed")]
    assert set(written) == set(SKELETON) and written["total_s"] is not None
    assert "v1" in out.getvalue() and "하는 중" in out.getvalue()
    assert out.getvalue().count("http://127.0.0.1:8080/" + "x" * 150 + "\n") == 1
    assert [p.name for p in show.path.parent.iterdir()] == ["summary.json"]
    assert SKELETON["steps"] == []


def test_the_table_shows_what_was_measured(tmp_path):
    out = io.StringIO()
    show = Show(tmp_path / "summary.json", Console(file=out, width=160))
    cell = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 90}
    show.summary |= {
        "releases": [{"id": "digits-r0001", "model_version": "1", "data": "digits-dev v1", "digest": "sha256:" + "a" * 64}],
        "four_way": {"cells": {"current_old": cell}, "decision": "accept", "reasons": ["gain"]},
        "latency_ms": {"p50": 3.94},
        "switch_s": 0.0156,
        "failed_requests": 0,
    }
    show.save()
    show.table()
    for text in ("digits-r0001", "current on old data", "0.900  [0.800 … 0.950]  n=90", "3.94 ms", "0.02 s"):
        assert text in out.getvalue()
