"""The real digits, split by hand: what training is about, without a data server."""

from __future__ import annotations

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
def settings(mlflow_server: Any, tmp_path: Path) -> Settings:
    """Return settings of the session's MLflow server, writing under the test's own folder."""
    return Settings(home=tmp_path, mlflow_url=mlflow_server.url)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Arrays]) -> None:
    """Let the training read its parts from memory in place of the data repository."""

    def load(settings: Settings, project: Project, split: Any, names: tuple[str, ...] = ("train", "validation", "test")) -> Any:
        return {name: arrays[name] for name in names}

    monkeypatch.setattr("include.training.parts.load", load)
