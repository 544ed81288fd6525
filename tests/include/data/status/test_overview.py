from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

from include.data.status import lines, run_status, status

pytestmark = pytest.mark.integration


def test_counts_of_every_kind(world: Any, rows: Any) -> None:
    world.split(world.to_version())
    world.insert(rows(200, 50))
    world.to_version("r2")
    told = status(world.settings, world.project, "dev")
    assert json.loads(json.dumps(told)) == told and told["problem"] is None
    assert told["totals"] == {"rounds": 2, "items": 250, "labelled": 250, "bytes": 16000, "versions": 2, "splits": 1}
    assert [(one["state"], one["items"], one["of"]) for one in told["states"]] == [
        ("raw", 250, "2 rounds"),
        ("refined", 250, "v2"),
        ("labelled", 250, "v2"),
        ("split", 200, "v1"),
    ]
    assert told["classes"][0] == {"class": "0", "raw": 25, "version": 25}
    assert [(one["number"], one["count"], one["checks"]["ok"]) for one in told["rounds"]] == [(1, 200, True), (2, 50, True)]
    assert told["labelling"]["share"] == 1.0 and told["labelling"]["rounds"] == []
    assert [(one["version"], one["rounds"], one["labelled"]) for one in told["quality"]] == [("v1", [1], 1.0), ("v2", [2], 1.0)]
    assert told["quality"][1]["shares"]["missing_labels"] == 0.0
    assert [one["items"] for one in told["growth"]] == [200, 250]
    (source,) = told["sources"]
    assert (source["rounds"], source["items"], source["bytes"]) == (2, 250, 16000)
    assert any("250 items" in line for line in lines(told))


def test_people_s_labels_and_reviews_are_told(world: Any) -> None:
    world.to_version()
    agreement = {"mean": 0.91, "alpha": 0.8, "disputed": 3, "missing": 2, "people": {"김": {"answers": 20, "agreement": 0.9}}}
    document = {"number": 2, "kind": "labels", "source": "label-studio", "count": 15, "labelled": 15, "labels": {"0": 15}}
    document |= {"created_at": "2026-02-01T00:00:00+00:00", "agreement": agreement, "run_id": "r9", "author": "a", "bytes": 15}
    world.dev.put("main", "rounds/000002/round.json", json.dumps(document).encode())
    review = {"decision": "accepted", "by": "reviewer", "reason": "좋습니다", "at": "2026-02-01", "items_back": {"a": "b"}}
    world.dev.put("main", "rounds/000001/review.json", json.dumps(review).encode())
    world.dev.commit("main", "by hand", {"step": "merge", "kind": "labels", "round": 2})
    told = status(world.settings, world.project, "dev")
    (labelled,) = told["labelling"]["rounds"]
    assert (labelled["round"], labelled["agreement"], labelled["alpha"], labelled["disputed"]) == (2, 0.91, 0.8, 3)
    assert labelled["people"] == {"김": {"answers": 20, "agreement": 0.9}}
    assert told["totals"]["items"] == 200, "labels are no items"
    assert told["quality"][0]["reviews"] == {"accepted": 1}
    kept = {name: review[name] for name in ("decision", "by", "reason", "at")}
    assert told["rounds"][0]["review"] == {**kept, "back": 1}


def test_nothing_yet(world: Any) -> None:
    told = status(world.settings, world.project, "dev")
    assert told["commit"] is None and told["problem"] is None and told["totals"]["rounds"] == 0
    assert told["states"][0] == {"state": "raw", "items": 0, "of": "0 rounds"} and told["growth"] == []


def test_what_one_run_did(world: Any, rows: Any) -> None:
    world.to_version("dag/run 1")
    world.insert(rows(200, 50))
    world.collect("dag/run 2")
    first, second = (run_status(world.settings, world.project, "dev", f"dag/run {n}") for n in (1, 2))
    assert [(one["number"], one["branch"]) for one in first["rounds"]] == [(1, None)]
    assert [one["version"] for one in first["versions"]] == ["v1"]
    (waiting,) = second["rounds"]
    assert waiting["number"] == 2 and waiting["branch"].startswith("run-") and waiting["checks"] is None
    for other in ("dag/run 3", "dag/run-2", "dag/run"):  # the second has a branch of nearly the same name
        assert run_status(world.settings, world.project, "dev", other)["rounds"] == []


def test_a_failed_check_is_told_with_its_value(world: Any, rows: Any) -> None:
    world.insert([(900, b"\xff" * 64, 3, "2026-01-05T09:00:00+09:00")])
    ref = world.collect("bad")
    with pytest.raises(Exception, match="content_range"):
        world.check(ref)
    (one,) = run_status(world.settings, world.project, "dev", "bad")["rounds"]
    assert not one["checks"]["ok"] and [check["name"] for check in one["checks"]["failed"]] == ["content_range"]
    assert status(world.settings, world.project, "dev")["totals"]["rounds"] == 0


def test_a_data_server_that_is_down_is_told_at_once(world: Any) -> None:
    down = world.settings.model_copy(update={"data_dev_url": "http://127.0.0.1:9"})
    begun = time.perf_counter()
    told = status(down, world.project, "dev")
    assert time.perf_counter() - begun < 5
    assert "no answer" in told["problem"] and told["totals"]["items"] == 0 and "no numbers" in lines(told)[0]


def test_a_data_server_that_hangs_is_not_waited_for_long(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.clients.lakefs.HURRY_READ_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: [taken.append(server.accept()[0]) for _ in range(2)], daemon=True)
        thread.start()
        hanging = world.settings.model_copy(update={"data_dev_url": f"http://127.0.0.1:{server.getsockname()[1]}"})
        begun = time.perf_counter()
        told = status(hanging, world.project, "dev")
        assert time.perf_counter() - begun < 5 and "no answer" in told["problem"]
        for one in taken:
            one.close()


def test_no_credential_is_told(world: Any) -> None:
    told = status(world.without("ops"), world.project, "ops")
    assert "no credential for the ops data zone" in told["problem"]


def test_many_rounds(world: Any, many_rounds: Any) -> None:
    many_rounds(world.dev, world.project, 200)
    told = status(world.settings, world.project, "dev")
    assert told == status(world.settings, world.project, "dev") | {"at": told.get("at")}
    assert told["totals"] == {
        "rounds": 200,
        "items": 20_000,
        "labelled": 20_000,
        "bytes": 1_280_000,
        "versions": 200,
        "splits": 200,
    }
