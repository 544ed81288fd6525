"""A world whose project reads another kind of source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from include.data import items, rounds
from include.projects.sources import Source


class Using:
    """Sets the source of a world's project, and looks into its rounds."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def __call__(self, **source: Any) -> Any:
        spec = TypeAdapter(Source).validate_python(source)
        data = self.world.project.data
        self.world.project = self.world.project.model_copy(update={"data": data.model_copy(update={"source": spec})})
        return self.world

    def change(self, **fields: Any) -> Any:
        data = self.world.project.data
        return self(**{**data.source.model_dump(), **fields})

    def limits(self, **limits: Any) -> None:
        data = self.world.project.data
        checks = data.checks.model_copy(update=limits)
        self.world.project = self.world.project.model_copy(update={"data": data.model_copy(update={"checks": checks})})

    def keys(self, ref: dict[str, Any]) -> list[str]:
        where = ref["branch"] or "main"
        return items.read(self.world.dev, where, rounds.items_path(ref["round"]), ["key"])["key"].to_pylist()

    def all_keys(self) -> list[str]:
        """Return the keys of all rounds on main."""
        dev = self.world.dev
        tables = [items.read(dev, "main", rounds.items_path(n), ["key"]) for n in rounds.numbers(dev)]
        return [key for table in tables for key in table["key"].to_pylist()]

    def merged(self, run_id: str) -> dict[str, Any]:
        """Collect, check and merge what is new."""
        ref = self.world.collect(run_id)
        self.world.check(ref)
        return self.world.merge(ref)

    def described(self, ref: dict[str, Any]) -> dict[str, Any]:
        return rounds.describe(self.world.dev, ref["branch"] or "main", ref["round"])


@pytest.fixture
def using(world: Any) -> Using:
    """Return what sets the source of ``world`` and looks into its rounds."""
    return Using(world)


@pytest.fixture
def picture() -> Callable[[int], np.ndarray]:
    """Return a function that gives the n-th 8 x 8 picture."""

    def make(number: int) -> np.ndarray:
        return np.random.default_rng(number).integers(0, 17, size=(8, 8), dtype=np.uint8)

    return make


@pytest.fixture
def record(picture: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that gives the n-th record as JSON has it."""

    def make(number: int, **more: Any) -> dict[str, Any]:
        at = f"2026-01-05T09:{number // 60 % 60:02d}:{number % 60:02d}+09:00"
        return {"id": number, "pixels": picture(number).tolist(), "digit": number % 10, "at": at, **more}

    return make
