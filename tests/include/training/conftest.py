"""The real digits, split by hand: what training is about, without a data server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.projects import Project, load_project
from include.settings import Settings
from include.training.parts import Arrays, prepare

SPLIT: dict[str, Any] = {
    "repository": "digits-dev",
    "zone": "dev",
    "version": "v1",
    "commit": "c0ffee" * 10,
    "split_path": "splits/abc.json",
    "split_digest": "sha256:" + "ab" * 32,
    "counts": {"train": 700, "validation": 200, "test": 200},
}
PARAMS: dict[str, Any] = {"learning_rate": 0.003, "channels": 16, "hidden": 64, "dropout": 0.1, "batch_size": 32}


@pytest.fixture(scope="session")
def digits() -> Project:
    return load_project("digits")


@pytest.fixture(scope="session")
def arrays(digits: Project) -> dict[str, Arrays]:
    """Return 700, 200 and 200 rows for train, validation and test."""
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.images))
    rows = {"train": order[:700], "validation": order[700:900], "test": order[900:1100]}
    return {name: prepare(digits, found.images[at].astype(np.uint8), found.target[at], name) for name, at in rows.items()}


@pytest.fixture
def split() -> dict[str, Any]:
    return dict(SPLIT)


@pytest.fixture
def params() -> dict[str, Any]:
    return dict(PARAMS)


@pytest.fixture
def settings(mlflow_server: Any, tmp_path: Path, migrated_ledger: Any) -> Settings:
    """Return settings of the session's MLflow server, with a ledger and all else under the test's own folder."""
    made = Settings(home=tmp_path, mlflow_url=mlflow_server.url)
    migrated_ledger(made)
    return made


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Arrays]) -> None:
    """Let the training read its parts from memory in place of the data repository."""

    def load(settings: Settings, project: Project, split: Any, names: tuple[str, ...] = ("train", "validation", "test")) -> Any:
        return {name: arrays[name] for name in names}

    monkeypatch.setattr("include.training.parts.load", load)


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives a shipped project other settings, and another model component."""

    def made(name: str, build: Any = None, functions: Any = None, **changes: Any) -> Project:
        base = load_project(name)
        training = {key: value for key, value in changes.items() if key in type(base.training).model_fields}
        raw = {**base.model_dump(exclude_unset=True), **{k: v for k, v in changes.items() if k not in training}}
        raw["training"] = {**raw.get("training", {}), **training}
        project = Project(**raw)
        kept, found = Project.component, Project.function
        if build:
            monkeypatch.setattr(Project, "component", lambda self, kind: build if kind == "model" else kept(self, kind))
        if functions:

            def function(self: Project, place: str, reference: str) -> Any:
                return functions.get(reference) or found(self, place, reference)

            monkeypatch.setattr(Project, "function", function)
        return project

    return made


@pytest.fixture(scope="session")
def masses() -> dict[str, Arrays]:
    """Return rows of a table: 350 masses for train, 100 for validation, 119 for test."""
    import numpy as np
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    from include.projects.breast_masses.source import MEASURES

    found = load_breast_cancer()
    table = pd.DataFrame(found.data[:, :10], columns=list(MEASURES))
    draw = np.random.default_rng(0)
    table["laboratory"] = draw.choice(["서울", "Busan", "Madison"], len(table))
    table["patient"] = [f"환자 {number}" for number in range(len(table))]
    table["measured_at"] = pd.date_range("2026-01-01", periods=len(table), freq="h", tz="UTC")
    labels = (found.target == 0).astype(np.int64)
    order = draw.permutation(len(table))
    rows = {"train": order[:350], "validation": order[350:450], "test": order[450:]}
    project = load_project("breast_masses")
    return {name: prepare(project, table.iloc[at].reset_index(drop=True), labels[at], name) for name, at in rows.items()}


@pytest.fixture(scope="session")
def windows() -> dict[str, Arrays]:
    """Return windows of a series that rises and swings, whose last value is near to the next one."""
    import numpy as np

    weeks = np.arange(900)
    series = 315 + weeks * 0.03 + 3 * np.sin(2 * np.pi * weeks / 52) + np.random.default_rng(0).normal(0, 0.3, len(weeks))
    starts = np.arange(0, 860, 6)
    contents = np.stack([np.stack([series[s : s + 12], (weeks[s : s + 12] % 52) / 52], -1) for s in starts]).astype(np.float32)
    labels = np.array([series[s + 15] for s in starts])
    project, cut = load_project("co2_levels"), {"train": slice(0, 100), "validation": slice(100, 120), "test": slice(120, None)}
    return {name: prepare(project, contents[at], labels[at], name) for name, at in cut.items()}


@pytest.fixture
def printed(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., str]:
    """Return a function that runs a command of `python -m include.training` about a project, and gives what it printed."""
    from include.training.__main__ import main

    monkeypatch.setenv("DEVMLOPS_HOME", str(settings.home))
    monkeypatch.setenv("DEVMLOPS_MLFLOW_URL", settings.mlflow_url)

    def run(area: str, project: Project, action: str, *words: str, code: int = 0) -> str:
        monkeypatch.setattr("include.training.__main__.load_project", lambda *_: project)
        capsys.readouterr()  # what MLflow's client said before
        assert main([area, action, project.name, *words]) == code
        out, err = capsys.readouterr()
        return str(err if code else out)

    return run
