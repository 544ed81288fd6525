"""A new project of each kind works from its source to an evaluated model, on the real data and MLflow servers."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from include import data, training
from include.projects import Project, load_project
from include.scaffold import KINDS, new_project
from include.settings import Settings

pytestmark = pytest.mark.integration
ROWS = {"vision": 450, "language": 300, "tabular": None, "timeseries": 300}
BETTER = {"vision": ("accuracy", 0.5), "language": ("accuracy", 0.5), "tabular": ("accuracy", 0.8), "timeseries": ("rmse", 3.0)}


@pytest.fixture
def settings(data_server: Any, mlflow_server: Any, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        projects_dir=tmp_path / "projects",
        mlflow_url=mlflow_server.url,
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.admin[0],
        data_dev_secret_key=data_server.admin[1],
        source_url=f"sqlite:///{tmp_path / 'source.db'}",  # type: ignore[arg-type]
    )


@pytest.fixture
def name() -> Iterator[str]:
    """Return a name that no other test has, and forget its modules at the end."""
    made = f"p{uuid.uuid4().hex[:8]}"
    yield made
    for module in [one for one in sys.modules if one.startswith(f"include.projects.{made}")]:
        del sys.modules[module]


def small(settings: Settings, name: str, kind: str) -> Project:
    """Make a project and give it a tiny budget."""
    path = new_project(name, kind, title="시험", into=settings.projects_dir).folder / "project.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["training"]["epochs"] = 3
    document["training"]["tuning"] |= {"trials": 2, "epochs": min(2, document["training"]["tuning"]["epochs"]), "workers": 1}
    document["training"]["tuning"]["early_stopping"] = False
    document["training"]["explain"] = False
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_project(name, settings.projects_dir)


@pytest.mark.parametrize("kind", KINDS)
def test_from_the_source_to_an_evaluated_model(kind: str, name: str, settings: Settings, one_ray: None) -> None:
    project = small(settings, name, kind)
    added = project.component("source")(settings.source_url.get_secret_value(), ROWS[kind])
    ref = data.collect_round(settings, project, "dev", uuid.uuid4().hex, "me")
    if project.data.refine:
        data.refine_round(settings, project, ref)
    assert data.check_round(settings, project, ref)
    version = data.tag_version(settings, project, data.merge_round(settings, project, ref), "첫 판", "me")
    assert version["version"] == "v1" and version["labelled"] == version["count"] <= added
    split = data.make_split(settings, project, version)
    lines: list[str] = []
    tuned = training.tune(settings, project, split, tell=lines.append)
    assert len(tuned["trials"]) == 2 and tuned["best"]["params"]
    trained = training.train(settings, project, split, tuned["best"]["params"], tuned["parent_run_id"], tell=lines.append)
    metrics = training.evaluate(settings, project, split, trained["run_id"], tell=lines.append)["metrics"]
    metric, limit = BETTER[kind]
    assert (metrics[metric] - limit) * (1 if metric == "accuracy" else -1) > 0, metrics
    assert f"baseline_{metric}" in metrics
