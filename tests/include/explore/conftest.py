"""Example projects with a version and a split on a data server of this folder's own, which keeps their names apart."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include import data
from include.local.demo.examples import source_place
from include.projects import Project, load_project
from include.settings import Settings
from tests.fixtures.data_server import DataServer


@dataclass
class Place:
    """One project, and where its data lies."""

    settings: Settings
    project: Project

    def version(self, run_id: str, rows: slice | int | None = None, split: bool = True) -> dict[str, Any]:
        """Put rows into the source, and make a version and its split of what is new."""
        if self.project.components.source:
            self.project.component("source")(source_place(self.settings, self.project), rows)
        ref = data.collect_round(self.settings, self.project, "dev", run_id, "developer")
        if self.project.data.refine:
            data.refine_round(self.settings, self.project, ref)
        data.check_round(self.settings, self.project, ref)
        made = data.tag_version(self.settings, self.project, data.merge_round(self.settings, self.project, ref), "", "developer")
        if split and made["state"] == "labelled":
            data.make_split(self.settings, self.project, made)
        return made


@pytest.fixture(scope="session")
def explored_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataServer]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = DataServer(tmp_path_factory.mktemp("explored"), port)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def place(explored_server: DataServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Return the function that gives an example project; of each name the repositories are made once."""
    made: dict[str, Place] = {}

    def one(name: str, project: Project | None = None) -> Place:
        if name not in made:
            home: Path = tmp_path_factory.mktemp("home")
            (home / "source").mkdir()
            settings = Settings(
                home=home,
                data_dev_url=explored_server.url,
                data_dev_access_key=explored_server.dev[0],
                data_dev_secret_key=explored_server.dev[1],
                source_url=f"sqlite:///{home / 'source' / 'source.db'}",  # type: ignore[arg-type]
                label_files=home / "labels",
            )
            made[name] = Place(settings, project or load_project(name))
        return made[name]

    return one


@pytest.fixture
def building() -> Callable[..., Project]:
    """Return a function that gives a shipped project other settings."""

    def made(name: str, augmentation: Any = None, **changes: Any) -> Project:
        raw = {**load_project(name).model_dump(exclude_unset=True), **changes}
        if augmentation:
            raw["training"] = {**raw.get("training", {}), "augmentation": augmentation}
        return Project(**raw)

    return made
