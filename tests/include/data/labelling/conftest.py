"""Projects of several tasks with a source of their own, on the real data server."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image, ImageDraw

from include import data
from include.data import labelling
from include.projects import Project, load_project
from include.settings import Settings

HEAD = {"domain": "vision", "owner": "data-team", "title": "라벨링 시험"}
IMAGE = {"kind": "image", "formats": ["png"], "max_bytes": 4 << 20}
ROW = {"kind": "table", "columns": {name: {"type": "text", "max_missing": 1} for name in ("context", "question")}}
PROJECTS: dict[str, dict[str, Any]] = {
    "classification": {"task": "classification", "classes": ["고양이", "개 & '새'"], "content": IMAGE},
    "detection": {"task": "detection", "classes": ["고양이", "자동차"], "content": IMAGE},
    "segmentation": {"task": "segmentation", "classes": ["도로", "하늘"], "content": IMAGE},
    "tagging": {"task": "tagging", "classes": ["사람", "회사 이름"], "content": {"kind": "text", "max_chars": 1000}},
    "question_answering": {"task": "question_answering", "content": ROW, "domain": "language"},
    "text": {"task": "classification", "classes": ["긍정", "부정"], "content": {"kind": "text"}, "domain": "language"},
    "series": {
        "task": "classification",
        "classes": ["정상", "이상"],
        "content": {"kind": "array", "dtype": "float32", "shape": [12, 2], "range": [-10, 10]},
        "domain": "tabular",
    },
}


def picture(seed: int, width: int = 40, height: int = 30) -> bytes:
    """Return a PNG that differs by its seed."""
    image = Image.new("RGB", (width, height), (seed * 37 % 256, seed * 91 % 256, 120))
    ImageDraw.Draw(image).rectangle((5, 6, 5 + seed % 10, 12), fill=(255, 255, 255))
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def made_project(folder: Path, kind: str, **rules: Any) -> Project:
    """Write and load a project of a kind of `PROJECTS`."""
    name = f"t{uuid.uuid4().hex[:10]}"
    told = dict(PROJECTS[kind])
    content = told.pop("content")
    fields = {"context": None} if kind == "question_answering" else {"content": "content"}
    document = {
        "name": name,
        **HEAD,
        **told,
        "data": {
            "source": {"kind": "files", "url": "in", "format": "jsonl", "key": "id", **fields},
            "content": content,
            "checks": {"max_duplicates": 1.0},
            "labelling": rules,
        },
        "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}, "seed": 1},
    }
    if kind == "question_answering":
        del document["data"]["source"]["context"]
    (folder / "projects" / name).mkdir(parents=True)
    (folder / "projects" / name / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_project(name, folder / "projects")


@dataclass
class Room:
    """A project of one kind, its source, and the servers."""

    settings: Settings
    project: Project
    folder: Path

    def source(self, rows: list[dict[str, Any]]) -> None:
        (self.folder / "in").mkdir(exist_ok=True)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (self.folder / "in" / f"{uuid.uuid4().hex}.jsonl").write_text(lines, encoding="utf-8")

    def pictures(self, count: int, **size: int) -> None:
        self.source([{"id": f"그림-{n}.png", "content": base64.b64encode(picture(n, **size)).decode()} for n in range(count)])

    def to_version(self, run_id: str = "r1") -> dict[str, Any]:
        ref = data.collect_round(self.settings, self.project, "dev", run_id, "developer")
        return self.finish(ref)

    def finish(self, ref: dict[str, Any]) -> dict[str, Any]:
        data.check_round(self.settings, self.project, ref)
        merged = data.merge_round(self.settings, self.project, ref)
        return data.tag_version(self.settings, self.project, merged, "", "developer")

    def push(self, version: dict[str, Any], run_id: str = "label", **more: Any) -> dict[str, Any]:
        return labelling.push(self.settings, self.project, version, run_id, "developer", **more)

    def collect(self, source: dict[str, Any], run_id: str = "label") -> dict[str, Any]:
        return labelling.collect_labels(self.settings, self.project, "dev", run_id, "developer", source)

    def file(self, version: dict[str, Any], name: str, format: str) -> dict[str, Any]:
        return {"file": name, "format": format, "version": version}

    def labels(self, version: dict[str, Any]) -> dict[str, str | None]:
        return {one.key.rpartition("#")[2]: one.label for one in labelling.version_items(self.settings, version)}


@pytest.fixture
def room(data_server: Any, tmp_path: Path) -> Callable[..., Room]:
    """Return a function that makes a room for a kind of project."""

    def make(kind: str, server: Any = None, **rules: Any) -> Room:
        access = {"url": data_server.url, "access_key": data_server.dev[0], "secret_key": data_server.dev[1]}
        settings = Settings(
            home=tmp_path,
            projects_dir=tmp_path / "projects",
            label_files=tmp_path / "labels",
            **{f"data_dev_{field}": value for field, value in access.items()},
            **(server.settings_fields if server else {}),
        )
        (tmp_path / "labels").mkdir(exist_ok=True)
        return Room(settings, made_project(tmp_path, kind, **rules), tmp_path)

    return make


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[..., Project]:
    """Return a function that makes a project of a kind, with no server."""
    return lambda kind, **rules: made_project(tmp_path, kind, **rules)
