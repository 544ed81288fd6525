from __future__ import annotations

import json
from typing import Any

import pytest

from include.clients.lakefs import DataUnreachable
from include.data import versions
from include.projects import load_project
from include.settings import Settings
from operators.data import CheckRoundOperator, CollectRoundOperator, MakeSplitOperator, TagVersionOperator
from operators.training import RegisterModelOperator

SETTINGS = Settings(
    data_dev_url="http://user:secret@data:8100", data_dev_access_key="key", mlflow_url="https://u:secret@mlflow/x"
)
DEV = {"repository": "digits-dev", "zone": "dev"}
ROUND = {**DEV, "round": 1, "commit": "c", "kind": "collected", "source": "sql 표", "count": 3, "digest": "sha256:1"}
VERSION = {**DEV, "version": "v1", "kind": "version", "commit": "c", "count": 3, "digest": "sha256:2", "rounds": [1]}
SPACE = "lakefs://data:8100/digits-dev"


def told(operator: Any, made: Any) -> Any:
    operator.told = SETTINGS, load_project("digits"), made
    return operator.get_openlineage_facets_on_complete(None)


def places(sets: list[Any]) -> list[tuple[str, str]]:
    return [(one.namespace, one.name) for one in sets]


def test_a_collected_round_comes_from_its_source() -> None:
    found = told(CollectRoundOperator(task_id="t", project="digits"), ROUND)
    assert places(found.inputs) == [("source://digits", "sql 표")] and places(found.outputs) == [(SPACE, "rounds/000001")]
    output = found.outputs[0]
    assert output.facets["version"].datasetVersion == "sha256:1" and output.outputFacets["outputStatistics"].rowCount == 3
    assert [one.name for one in output.facets["schema"].fields][:3] == ["item_id", "key", "content"]


def test_checks_are_assertions_about_the_round() -> None:
    checks = [{"name": "rows", "ok": True, "value": 3, "limit": ">= 1"}, {"name": "한글", "ok": False, "value": 1, "limit": "0"}]
    found = told(CheckRoundOperator(task_id="t", project="digits", round=ROUND), {"ok": False, "checks": checks})
    (one,) = found.inputs[0].inputFacets["dataQualityAssertions"].assertions[1:]
    assert (one.assertion, one.success, one.actual, one.expected) == ("한글", False, "1", "0") and found.outputs == []


def test_a_version_comes_from_all_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"repository": "digits-ops", "zone": "ops", "round": 7, "digest": "sha256:7", "labels": [{**DEV, "round": 5}]}
    monkeypatch.setattr(versions, "document", lambda *_: {"pieces": [{**DEV, "round": 1}, other]})
    found = told(TagVersionOperator(task_id="t", project="digits", round=ROUND), VERSION)
    ops = f"lakefs://{SETTINGS.data_ops_url.removeprefix('http://')}/digits-ops"
    assert set(places(found.inputs)) == {(SPACE, "rounds/000001"), (ops, "rounds/000007"), (SPACE, "rounds/000005")}
    assert places(found.outputs) == [(SPACE, "versions/v1")]


def test_a_data_server_that_is_down_costs_only_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> Any:
        raise DataUnreachable("digits-dev", "no answer", "wait")

    monkeypatch.setattr(versions, "document", down)
    found = told(TagVersionOperator(task_id="t", project="digits", round=ROUND), VERSION)
    assert places(found.inputs) == [(SPACE, "rounds/000001")] and places(found.outputs) == [(SPACE, "versions/v1")]


def test_splits_and_models() -> None:
    split = {
        **DEV,
        "version": "v1",
        "commit": "c",
        "split_path": "p",
        "split_digest": "sha256:ab",
        "counts": {"train": 2, "test": 1},
    }
    found = told(MakeSplitOperator(task_id="t", project="digits", version=VERSION), split)
    assert places(found.inputs) == [(SPACE, "versions/v1")] and places(found.outputs) == [(SPACE, "splits/ab")]
    assert found.outputs[0].outputFacets["outputStatistics"].rowCount == 3
    model = {"name": "digits", "version": "3", "run_id": "abc", "data": split}
    found = told(RegisterModelOperator(task_id="t", project="digits", evaluated={"run_id": "abc"}), model)
    assert places(found.inputs) == [("mlflow://mlflow", "runs/abc")]
    assert ("mlflow://mlflow", "models/digits/3") in places(found.outputs)


def test_a_task_that_never_began_or_failed_says_what_it_was_given() -> None:
    operator = CheckRoundOperator(task_id="t", project="digits", round=ROUND)
    assert operator.get_openlineage_facets_on_complete(None).inputs == []
    assert places(told(operator, None).inputs) == [(SPACE, "rounds/000001")]


def test_no_secret_is_told() -> None:
    from openlineage.client.serde import Serde

    found = told(CollectRoundOperator(task_id="t", project="digits"), ROUND)
    text = json.dumps([json.loads(Serde.to_json(one)) for one in (*found.inputs, *found.outputs)])
    assert "secret" not in text and "rounds/000001" in text
