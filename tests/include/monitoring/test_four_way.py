"""The comparison of two registered models: same rows through both, kept in MLflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import include.training
from include.clients.mlflow import mlflow_client, read_file
from include.monitoring.errors import MonitoringError
from include.monitoring.four_way import four_way, require_test_rows
from include.projects import Project
from include.projects.training import Gate
from include.settings import Settings

SPLIT = {"repository": "shapes-ops", "split_digest": "sha256:abc", "version": "v1"}


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for data and training: contents are class indices, model 1 knows old data alone, model 2 both."""
    rng = np.random.default_rng(0)
    state = SimpleNamespace(rows={"old": 300, "new": 90}, classes=3, asked=[])

    def load_part(settings: Any, project: Any, split: Any, part: str, origin: str | None = None) -> Any:
        state.asked.append((split["split_digest"], part, origin))
        labels = rng.integers(3, size=state.rows[origin])
        return SimpleNamespace(
            item_ids=[str(i) for i in range(len(labels))], contents=labels + (10 if origin == "new" else 0), labels=labels
        )

    def predict(model: str, project: Any, contents: np.ndarray) -> np.ndarray:
        drifted = (contents >= 10) & (model == "model 1")
        return np.eye(state.classes)[np.where(drifted, 0, contents % 10)]

    data, training = ModuleType("include.data"), ModuleType("include.training")
    data.load_part = load_part  # type: ignore[attr-defined]
    training.load_model = lambda settings, project, version: f"model {version}"  # type: ignore[attr-defined]
    training.predict = predict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.data", data)
    monkeypatch.setitem(sys.modules, "include.training", training)
    return state


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch, project: Project) -> Project:
    """A regression of `shapes`, beside data and models: model 1 misses by 2 and new rows by 4, model 2 by 2 and 1."""
    changed = {"task": "regression", "classes": []}
    made = project.model_copy(update=changed | {"training": project.training.model_copy(update={"gate": Gate(maximum=9)})})
    data, training = ModuleType("include.data"), ModuleType("include.training")
    training.__path__ = include.training.__path__  # type: ignore[attr-defined]
    missed = {("model 1", "old"): 2.0, ("model 2", "old"): 2.0, ("model 1", "new"): 4.0, ("model 2", "new"): 1.0}

    def load_part(settings: Any, project: Any, split: Any, part: str, origin: str) -> Any:
        labels = 100 + np.arange(40.0)
        return SimpleNamespace(item_ids=list(map(str, range(40))), contents=(origin, labels), labels=labels)

    data.load_part = load_part  # type: ignore[attr-defined]
    training.load_model = lambda settings, project, version: f"model {version}"  # type: ignore[attr-defined]
    training.predict = lambda model, project, contents: contents[1] + missed[model, contents[0]]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.data", data)
    monkeypatch.setitem(sys.modules, "include.training", training)
    return made


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what a comparison put into MLflow, by kind."""
    found: dict[str, Any] = {"tags": {}, "metrics": {}, "files": {}}

    @contextmanager
    def run(settings: Any, project: Any, name: str, tags: Any) -> Iterator[Any]:
        found["tags"].update(tags)
        file, metrics, more = found["files"].__setitem__, found["metrics"].update, found["tags"].update
        yield SimpleNamespace(run_id="r1", url="http://mlflow/r1", file=file, metrics=metrics, tags=more)

    monkeypatch.setattr(sys.modules[four_way.__module__], "monitoring_run", run)
    return found


def test_models_that_answer_with_numbers_are_judged_by_the_error_of_the_gate(
    settings: Settings, numbers: Project, kept: dict[str, Any]
) -> None:
    result = four_way(settings, numbers, 1, 2, SPLIT)
    assert (result["decision"], result["metric"]) == ("accept", "rmse")
    assert result["difference_new"]["value"] == pytest.approx(0.75)  # an error of 4 becomes one of 1
    told = {"current_old": 2, "candidate_old": 2, "current_new": 4, "candidate_new": 1}
    assert {name: kept["metrics"][name] for name in told} == pytest.approx(told)
    assert kept["metrics"]["difference_new"] == pytest.approx(0.75) and kept["tags"]["decision"] == "accept"
    assert kept["files"]["four_way.png"].startswith(b"\x89PNG")
    assert json.loads(kept["files"]["four_way.json"])["reasons"] == result["reasons"]
    back = four_way(settings, numbers, 2, 1, SPLIT)
    assert back["decision"] == "reject" and back["difference_new"]["value"] == pytest.approx(-3)


def test_the_metric_of_the_gate_decides(settings: Settings, numbers: Project, kept: dict[str, Any]) -> None:
    gate = Gate(metric="r2", minimum=0.5)
    other = numbers.model_copy(update={"training": numbers.training.model_copy(update={"gate": gate})})
    result = four_way(settings, other, 1, 2, SPLIT)
    assert (result["metric"], result["direction"], result["slice_metric"]) == ("r2", "max", "mae")
    assert result["difference_new"]["value"] == pytest.approx(600 / 5330) and result["decision"] == "accept"


def test_a_task_without_true_answers_is_refused(settings: Settings, numbers: Project) -> None:
    other = numbers.model_copy(update={"task": "clustering"})
    with pytest.raises(MonitoringError, match="the task clustering of shapes has no true answers to compare two models by"):
        four_way(settings, other, 1, 2, SPLIT)


@pytest.mark.integration
def test_both_models_see_old_and_new_rows_and_the_result_is_kept(
    settings: Settings, project: Project, engines: SimpleNamespace, mlflow_server: Any
) -> None:
    here = settings.model_copy(update={"mlflow_url": mlflow_server.url})
    result = four_way(here, project, 1, "2", SPLIT)
    assert engines.asked == [("sha256:abc", "test", "old"), ("sha256:abc", "test", "new")]
    assert result["decision"] == "accept" and result["cells"]["candidate_new"]["accuracy"] == 1
    assert result["cells"]["current_new"]["accuracy"] < 0.5
    client = mlflow_client(here)
    kept = json.loads(read_file(client, result["run_id"], "four_way.json"))
    assert kept == {k: v for k, v in result.items() if k not in ("run_id", "url")}
    assert read_file(client, result["run_id"], "four_way.png").startswith(b"\x89PNG")
    run = client.get_run(result["run_id"])
    assert run.data.tags["decision"] == "accept" and run.data.metrics["candidate_old"] == 1
    assert four_way(here, project, 1, "2", SPLIT)["run_id"] == result["run_id"]
    assert four_way(here, project, 2, "1", SPLIT)["run_id"] != result["run_id"]


def test_a_split_without_new_rows_is_told(settings: Settings, project: Project, engines: SimpleNamespace) -> None:
    engines.rows["new"] = 0
    with pytest.raises(MonitoringError, match="sha256:abc has no new test rows"):
        four_way(settings, project, 1, 2, SPLIT)


def test_a_model_of_other_classes_is_told(settings: Settings, project: Project, engines: SimpleNamespace) -> None:
    engines.classes = 4
    with pytest.raises(MonitoringError, match=r"current model gives \(300, 4\)"):
        four_way(settings, project, 1, 2, SPLIT)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"old": 200, "new": 0}, "0 new test rows, at least 30 are needed: rows that equal earlier ones are no new ones"),
        ({"old": 29, "new": 30}, "29 old test rows, at least 30 are needed: the running model's data needs a larger test part"),
        ({"old": 1, "new": 2}, "1 old test rows.*2 new test rows"),
    ],
)
def test_too_few_test_rows_are_told_before_anything_is_trained(engines, project, counts, says):
    sys.modules["include.data"].origin_counts = lambda settings, split, part: counts  # type: ignore[attr-defined]
    with pytest.raises(MonitoringError, match=says):
        require_test_rows(Settings(), project, SPLIT)
    enough = {"old": 30, "new": 30}
    sys.modules["include.data"].origin_counts = lambda settings, split, part: enough  # type: ignore[attr-defined]
    assert require_test_rows(Settings(), project, SPLIT) == enough
