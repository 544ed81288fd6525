"""Wines in memory, and projects with other workflows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.projects import Project, load_project
from include.settings import Settings
from include.training.parts import Arrays, prepare
from include.training.preparation import fit

SAMPLES = '''
"""Components of the tests."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from include.components import Context, Inputs, Labels, Metrics, Scores, Table, Tensor, TensorType, component

TWO = Annotated[Any, TensorType("float32", ("n", 2))]


@component(name="rows", kind="preprocess", outputs={"rows": TWO})
def rows(items: Table, count: Annotated[int, Field(ge=1, le=50)] = 4) -> Any:
    """Make rows."""
    import numpy as np

    return np.ones((count, 2), dtype=np.float32)


@component(name="act", kind="preprocess", outputs={"rows": TWO})
def act(rows: TWO, how: str, note: str = "") -> Any:
    """Do something wrong."""
    import numpy as np

    if how == "raise":
        raise ValueError(f"열 {note!r} 이 없다")
    if how == "disk":
        raise OSError(28, "No space left on device")
    if how == "exit":
        raise SystemExit(0)
    if how == "never":
        time.sleep(60)
    if how == "eat":
        return np.concatenate([np.ones((2**28, 2), dtype=np.float32) for _ in range(8)])
    if how == "huge":
        return np.ones((len(rows), 2), dtype=np.float32)
    if how == "once":  # the first time it is killed
        if not Path(note).exists():
            Path(note).write_text("1")
            os.kill(os.getpid(), 9)
        Path(note).write_text(str(int(Path(note).read_text()) + 1))
    wrong = {"type": "rows", "list": [[1, 2]], "shape": np.ones((3, 4), np.float32), "dtype": np.ones((3, 2)), "none": None}
    wrong["nan"] = np.array([[1, np.nan], [1, 1], [1, 1]], np.float32)
    wrong["dict"] = {"lines": rows}
    return wrong.get(how, rows)


@component(name="mean", kind="measure", outputs={"figures": Metrics})
def mean(rows: TWO) -> Any:
    """Measure rows."""
    return {"평균": float(rows.mean()), "비율 (%)": 0.0}


@component(name="pair", kind="preprocess", outputs={"left": Inputs, "right": Labels})
class Pair:
    """Two outputs, of which one may be forgotten."""

    def __init__(self, forget: bool = False, more: bool = False) -> None:
        self.forget, self.more = forget, more

    def __call__(self, rows: TWO) -> Any:
        """Return them."""
        import numpy as np

        made = {"left": rows} if self.forget else {"left": rows, "right": np.zeros(len(rows), dtype=np.int64)}
        return {**made, "top": 1} if self.more else made


@component(name="same", kind="measure", outputs={"figures": Metrics})
def same(left: TWO, right: Annotated[Any, TensorType("float32", ("n", 2))]) -> Any:
    """Take two that must be as long as each other."""
    return {"n": float(len(left))}


@component(name="shift", kind="preprocess", outputs={"train": Inputs, "validation": Inputs})
def shift(train: Inputs, validation: Inputs) -> Any:
    """Change train and validation alike, which serving does not."""
    return {"train": train + 1, "validation": validation + 1}


def plain(rows: Tensor) -> Scores:
    """Be no component."""
    return rows
'''


@pytest.fixture(scope="session")
def wine() -> Project:
    return load_project("wine_cultivars")


@pytest.fixture(scope="session")
def wines(wine: Project) -> dict[str, Arrays]:
    """Return 100, 40 and 38 wines for train, validation and test."""
    import numpy as np
    import pandas as pd

    from include.projects.wine_cultivars.source import CULTIVARS, MEASURES, wine_rows

    rows = wine_rows()
    table = pd.DataFrame([{name: row[name] for name in MEASURES} for row in rows])
    labels = np.array([CULTIVARS.index(row["cultivar"]) for row in rows])
    cut = {"train": slice(0, 100), "validation": slice(100, 140), "test": slice(140, None)}
    ready = fit(wine, table.iloc[cut["train"]].reset_index(drop=True))
    return {name: prepare(wine, table.iloc[at].reset_index(drop=True), labels[at], name, (), ready) for name, at in cut.items()}


@pytest.fixture
def with_steps(tmp_path: Path) -> Callable[..., Project]:
    """Return a function that writes a project of its own name with other steps, and reads it; ``samples`` holds components."""

    def made(steps: dict[str, Any], model: str = "forest.model", **more: Any) -> Project:
        import yaml

        base = load_project("wine_cultivars").folder / "project.yaml"
        name = more.pop("name", f"wines_{uuid.uuid4().hex[:8]}")
        folder = tmp_path / "projects" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "samples.py").write_text(SAMPLES, encoding="utf-8")
        for file, content in more.pop("files", {}).items():
            (folder / file).write_text(content, encoding="utf-8")
        raw = yaml.safe_load(base.read_text(encoding="utf-8"))
        raw |= {"name": name, "workflow": {"steps": steps, "model": model}, **more}
        (folder / "project.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return load_project(name, tmp_path / "projects")

    return made


PREPARE: dict[str, Any] = {"use": "prepare@1", "inputs": {"train": "data.train", "validation": "data.validation"}}
LEARN: dict[str, Any] = {
    "train": "prepare.train",
    "train_labels": "data.train_labels",
    "validation": "prepare.validation",
    "validation_labels": "data.validation_labels",
}


@pytest.fixture
def steps() -> dict[str, Any]:
    """Return the steps of the smallest workflow."""
    forest = {"use": "forest@1", "inputs": dict(LEARN), "params": {"trees": 5}}
    return {"prepare": {**PREPARE, "inputs": dict(PREPARE["inputs"])}, "forest": forest}


@pytest.fixture
def settings(mlflow_server: Any, tmp_path: Path, migrated_ledger: Any) -> Settings:
    """Return settings of the session's MLflow server, writing under the test's own folder."""
    found = Settings(home=tmp_path / "home", mlflow_url=mlflow_server.url, projects_dir=tmp_path / "projects")
    migrated_ledger(found)
    return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, wines: dict[str, Arrays]) -> list[str]:
    """Let jobs read their parts from memory; return the list that grows with each reading."""
    readings: list[str] = []

    def load(settings: Settings, project: Project, split: Any, names: tuple[str, ...] = ("train", "validation", "test")) -> Any:
        readings.append(project.name)
        return {name: wines[name] for name in names}

    monkeypatch.setattr("include.training.parts.load", load)
    return readings


@pytest.fixture
def split() -> dict[str, Any]:
    return {
        "repository": "wines-dev", "zone": "dev", "version": "v1", "commit": "c0ffee" * 10, "split_path": "splits/abc.json",
        "split_digest": "sha256:" + "ab" * 32, "counts": {"train": 100, "validation": 40, "test": 38},
    }  # fmt: skip
