"""A small project of its own, a ledger with a release on production, and traffic in the prediction log."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from include.inference import PredictionLog
from include.ledger import Ledger
from include.management import archive, unpacked
from include.management.code import enter
from include.monitoring import windows
from include.monitoring.drift import reference_sketch
from include.projects import Project
from include.settings import Settings

SHAPE = (4, 4)
SHAPES = {
    "name": "shapes",
    "title": "Shapes",
    "domain": "vision",
    "task": "classification",
    "classes": ["원", "square", "star"],
    "owner": "data-team",
    "data": {
        "source": {"kind": "sql", "table": "t", "content": "c"},
        "content": {"dtype": "uint8", "shape": list(SHAPE), "range": [0, 16]},
    },
    "split": {"ratios": {"train": 0.7, "validation": 0.15, "test": 0.15}},
    "training": {"tuning": {"space": {"x": {"choices": [1]}}}, "gate": {"minimum": 0.5}},
    "approval": {"steps": [{"name": "approve", "title": "Approve"}]},
    "monitoring": {"window_rows": 50, "threshold": 0.2, "windows_in_a_row": 2, "poll_seconds": 1, "report_rows": 120},
}


def features(images: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Mean, spread and the four corners of 4 x 4 images."""
    images = np.asarray(images, np.float64)
    flat = images.reshape(len(images), -1)
    corners = images[:, ::3, ::3].reshape(len(images), 4)
    return ["mean", "spread", *(f"corner_{i}" for i in range(4))], np.column_stack([flat.mean(1), flat.std(1), corners])


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """Project `shapes`: three classes of 4 x 4 images, windows of 50 rows."""
    module = ModuleType("include.projects.shapes.features")
    module.features = features  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.projects.shapes.features", module)
    folder = tmp_path / "shapes"
    folder.mkdir()
    source = f"import numpy as np\n\n\n{inspect.getsource(features)}"
    (folder / "features.py").write_text(source, encoding="utf-8")
    (folder / "project.yaml").write_text(yaml.safe_dump(SHAPES, allow_unicode=True), encoding="utf-8")
    return Project.model_validate({**SHAPES, "folder": folder})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose places all lie in the test's folder."""
    return Settings(
        home=tmp_path, model_repository=tmp_path / "models", prediction_log=tmp_path / "log", prediction_log_fsync=False
    )


def images(n: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    """Return ``n`` random images, float (n, 4, 4) in 0..16."""
    return np.clip(np.random.default_rng(seed).normal(8 + shift, 3, (n, *SHAPE)), 0, 16).round(2)


def answers(contents: np.ndarray, seed: int = 0, sure: float = 0.9) -> np.ndarray:
    """Return probabilities (n, 3) with ``sure`` on a random class."""
    labels = np.random.default_rng(seed).integers(3, size=len(contents))
    probabilities = np.full((len(contents), 3), (1 - sure) / 2)
    probabilities[np.arange(len(contents)), labels] = sure
    return probabilities


class Traffic:
    """Writes prediction records as the inference AP does."""

    def __init__(self, settings: Settings, project: Project) -> None:
        self.project, self.sent = project, 0
        self.log = PredictionLog(settings.prediction_log, project.name, fsync=False)

    def send(
        self,
        rows: int,
        shift: float = 0.0,
        batch: int = 1,
        release: str = "shapes-r0001",
        route: str = "production",
        sure: float = 0.9,
    ) -> None:
        """Write ``rows`` rows in requests of ``batch`` rows."""
        contents = images(rows, seed=1000 + self.sent, shift=shift)
        probabilities = answers(contents, self.sent, sure)
        records: list[dict[str, Any]] = []
        for start in range(0, rows, batch):
            part = slice(start, start + batch)
            self.sent += 1
            records.append(
                {
                    "id": f"q{self.sent}",
                    "at": "2026-01-01T00:00:00+00:00",
                    "route": route,
                    "release_id": release,
                    "n": len(contents[part]),
                    "inputs": contents[part].tolist(),
                    "labels": [self.project.classes[i] for i in probabilities[part].argmax(1)],
                    "probabilities": probabilities[part].tolist(),
                    "ms": 1.0,
                }
            )
        self.log.write(records)


@pytest.fixture
def traffic(settings: Settings, project: Project) -> Iterator[Traffic]:
    """Return a writer of prediction records."""
    made = Traffic(settings, project)
    yield made
    made.log.close()


@pytest.fixture
def put_on_production(settings: Settings, project: Project, ledger: Ledger) -> Callable[[str], str]:
    """Return a function that makes a release with a reference sketch and switches production to it."""

    def put(key: str) -> str:
        code = enter(settings, project, "developer", "a test").digest
        ledger.confirm_model(project.name, "developer", {"version": "1", "why": "a test"}, code)
        release = ledger.open_release(project.name, key, ["developer"], {"name": project.name, "version": "1", "code": code})
        ledger.seal_release(release.id, {"key": key})
        folder = settings.model_repository / release.id
        folder.mkdir(parents=True)
        contents = images(400)
        probabilities = answers(contents)
        sketch = reference_sketch(project, contents, probabilities.argmax(1), probabilities)
        (folder / "reference_sketch.json").write_text(sketch.to_json(), encoding="utf-8")
        for name, content in unpacked(project.name, archive(project) or b"").items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        ledger.switch(project.name, "production", release.id, "deploy", "operator", "test")
        return release.id

    return put


@pytest.fixture
def on_production(put_on_production: Callable[[str], str]) -> str:
    """Release `shapes-r0001` answers on production."""
    return put_on_production("run-1")


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    """No test sees what another one counted."""
    windows._unfinished.clear()
    yield
    windows._unfinished.clear()
