"""Rounds of every kind of content as local Parquet tables, and projects for them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.data import items, quality
from include.data.items import Item
from include.projects import Project, load_project

Assess = Callable[..., quality.Assessment]


def project_of(
    content: dict[str, Any], task: str = "classification", classes: Sequence[str] = ("a", "b"), **data: Any
) -> Project:
    """Return a project with a form of content, and limits under ``quality``."""
    base = load_project("digits").model_dump(mode="json")
    base["task"], base["classes"] = task, list(classes)
    source = {"kind": "sql", "table": "t"} | ({"content": "c"} if content.get("kind") != "table" else {})
    base["data"] = {"source": source, "content": content, **data}
    base["split"] = {"method": "random", "ratios": {"train": 0.7, "validation": 0.15, "test": 0.15}}
    del base["components"], base["training"]
    return Project.model_validate({**base, "folder": load_project("digits").folder})


def rows_of(
    contents: Sequence[bytes], labels: Sequence[str | None] | None = None, keys: Sequence[str] | None = None
) -> list[Item]:
    """Return items with the keys 1, 2, ... and the labels a, b, a, ..."""
    said = labels if labels is not None else ["ab"[place % 2] for place in range(len(contents))]
    names = keys if keys is not None else [str(place + 1) for place in range(len(contents))]
    return [Item(key, content, label, None, "x") for key, content, label in zip(names, contents, said, strict=True)]


def as_json(*rows: Mapping[str, Any]) -> list[bytes]:
    """Return rows of a table as their bytes."""
    return [json.dumps(row, ensure_ascii=False).encode() for row in rows]


def by_name(found: quality.Assessment) -> dict[str, dict[str, Any]]:
    """Return the verdicts by name."""
    return {check["name"]: check for check in found.checks}


def png(draw: Callable[[int, int], int], side: int = 48, form: str = "PNG", **save: Any) -> bytes:
    """Return a grey image file whose pixels ``draw`` gives."""
    from PIL import Image

    image = Image.new("L", (side, side))
    image.putdata([draw(place % side, place // side) % 256 for place in range(side * side)])
    sink = io.BytesIO()
    image.save(sink, form, **save)
    return sink.getvalue()


@pytest.fixture
def assess(tmp_path: Path) -> Assess:
    """Return a function that writes items to a table and assesses it."""

    def run(
        project: Project, rows: Sequence[Item], before: quality.Earlier | None = None, kind: str = "collected"
    ) -> quality.Assessment:
        totals = items.write(tmp_path / "items.parquet", rows, project.data.content)
        document = {"kind": kind, "number": 1, "count": totals.count, "digest": totals.digest, "source": "x", "author": "나"}
        with pq.ParquetFile(tmp_path / "items.parquet") as file:
            found = quality.assess_file(file, project, document, before)
        json.dumps([found.checks, found.statistics], allow_nan=False)
        report = {"ok": all(check["ok"] for check in found.checks), "checks": found.checks}
        html = quality.quality_report(project, document, report, found)
        assert html.startswith("<!doctype html>") and "http" not in html.replace("http-equiv", "")
        return found

    return run
