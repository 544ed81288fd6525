"""The comparison of two registered models: same rows through both, kept in MLflow."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.monitoring.errors import MonitoringError
from include.monitoring.four_way import four_way
from include.projects import Project
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
