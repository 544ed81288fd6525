"""A project, a source and both zones on the real data server; every test has repositories of its own."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include import data
from include.clients.lakefs import DataRepository
from include.projects import Project, load_project
from include.settings import Settings

Row = tuple[Any, ...]


@dataclass
class World:
    """What a test of the data area works with."""

    settings: Settings
    project: Project
    source: Path

    @property
    def dev(self) -> DataRepository:
        return DataRepository(self.settings, self.project.repositories["dev"], "dev")

    @property
    def ops(self) -> DataRepository:
        return DataRepository(self.settings, self.project.repositories["ops"], "ops")

    def insert(self, rows: Iterable[Row]) -> None:
        with sqlite3.connect(self.source) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT)"
            )
            connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)

    def collect(self, run_id: str = "r1") -> dict[str, Any]:
        return data.collect_round(self.settings, self.project, "dev", run_id, "developer")

    def check(self, ref: dict[str, Any]) -> dict[str, Any]:
        return data.check_round(self.settings, self.project, ref)

    def merge(self, ref: dict[str, Any]) -> dict[str, Any]:
        return data.merge_round(self.settings, self.project, ref)

    def tag(self, ref: dict[str, Any], notes: str = "첫 판") -> dict[str, Any]:
        return data.tag_version(self.settings, self.project, ref, notes, "developer")

    def to_version(self, run_id: str = "r1") -> dict[str, Any]:
        """Collect, check, merge and tag what is new."""
        ref = self.collect(run_id)
        self.check(ref)
        return self.tag(self.merge(ref))

    def split(self, ref: dict[str, Any]) -> dict[str, Any]:
        return data.make_split(self.settings, self.project, ref)

    def load(self, ref: dict[str, Any], part: str = "test", origin: str | None = None) -> data.Part:
        return data.load_part(self.settings, self.project, ref, part, origin)

    def without(self, zone: str) -> Settings:
        """Return settings that hold no credential of ``zone``."""
        return self.settings.model_copy(update={f"data_{zone}_access_key": ""})


def images(begin: int, count: int, seed: int = 0) -> list[Row]:
    """Return rows with ids from ``begin`` + 1: different images whose digits go round 0 to 9."""
    values = np.random.default_rng([seed, begin]).integers(0, 17, size=(count, 64), dtype=np.uint8)
    return [
        (begin + place + 1, values[place].tobytes(), (begin + place) % 10, f"2026-01-05T09:{place % 60:02d}:00+09:00")
        for place in range(count)
    ]


@pytest.fixture
def rows() -> Callable[..., list[Row]]:
    """Return the function that makes rows of the source."""
    return images


@pytest.fixture
def world(data_server: Any, tmp_path: Path) -> World:
    """Give a world with 200 rows in the source and nothing collected yet."""
    base = load_project("digits")
    checks = base.data.checks.model_copy(update={"min_rows": 10, "min_rows_per_class": 1})
    project = base.model_copy(
        update={
            "name": f"t{uuid.uuid4().hex[:12]}",
            "data": base.data.model_copy(update={"checks": checks}),
            "retraining": base.retraining.model_copy(update={"min_new_rows": 20}),
        }
    )
    dev, ops = data_server.dev, data_server.ops
    settings = Settings(
        home=tmp_path,
        data_dev_url=data_server.url,
        data_dev_access_key=dev[0],
        data_dev_secret_key=dev[1],
        data_ops_url=data_server.url,
        data_ops_access_key=ops[0],
        data_ops_secret_key=ops[1],
        source_url=f"sqlite:///{tmp_path / 'source.db'}",
        prediction_log=tmp_path / "log",
    )
    made = World(settings, project, tmp_path / "source.db")
    made.insert(images(0, 200))
    return made
