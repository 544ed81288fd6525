"""Projects whose ops data is about people that do not exist."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.data import forms
from include.data.items import Item
from include.data.times import moment_of
from include.projects import Project, load_project

COLUMNS: dict[str, Any] = {
    "name": {"type": "text", "personal": True},
    "customer": {"type": "integer", "personal": True},
    "email": {"type": "text", "personal": True, "max_missing": 1.0},
    "age": {"type": "integer", "range": [0, 120], "personal": True},
    "city": {"type": "category", "choices": ["서울", "부산", "제주", "수도권", "지방"], "personal": True},
    "visited": {"type": "time", "personal": True},
    "memo": {"type": "text", "max_missing": 1.0},
    "amount": {"type": "number"},
}
RULES: dict[str, Any] = {
    "name": {"rule": "fake", "kind": "name"},
    "customer": {"rule": "hash"},
    "email": {"rule": "drop"},
    "age": {"rule": "generalise", "step": 10},
    "city": {"rule": "generalise", "groups": {"수도권": ["서울"]}, "other": "지방"},
    "visited": {"rule": "generalise", "to": "year"},
    "memo": {"rule": "redact"},
    "amount": {"rule": "keep"},
}
MASKING: dict[str, Any] = {"rows": 100, "columns": RULES, "quasi_identifiers": ["age", "city", "visited"], "k": 5}
SALT = "a salt that nobody else has"


def project_file(folder: Path, data: dict[str, Any], **more: Any) -> Project:
    """Write a project.yaml below ``folder`` and load it."""
    name = f"p{uuid.uuid4().hex[:10]}"
    base = {
        "name": name, "title": "고객", "domain": "tabular", "task": "classification", "classes": ["stays", "leaves"],
        "owner": "people", "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}, "seed": 1},
    }  # fmt: skip
    (folder / name).mkdir(parents=True)
    document = {**base, **more, "name": name, "data": data}
    (folder / name / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_project(name, folder)


@pytest.fixture
def table_project(tmp_path: Path) -> Callable[..., Project]:
    """Return the function that makes a project about a table of customers, with changes to its masking."""

    def make(columns: dict[str, Any] | None = None, rules: dict[str, Any] | None = None, **masking: Any) -> Project:
        data = {
            "source": {"kind": "sql", "table": "customers", "key": "id", "label": "label", "group": "family"},
            "content": {"kind": "table", "columns": columns or COLUMNS},
            "masking": {**MASKING, "columns": {**RULES, **(rules or {})}, **masking},
        }
        return project_file(tmp_path / "projects", data)

    return make


@pytest.fixture
def text_project(tmp_path: Path) -> Callable[..., Project]:
    """Return the function that makes a project about texts."""

    def make(task: str = "classification", **masking: Any) -> Project:
        data = {
            "source": {"kind": "sql", "table": "notes", "key": "id", "content": "note", "label": "label"},
            "content": {"kind": "text"},
            "masking": {"content": {"rule": "redact"}, **masking},
        }
        classes = {"question_answering": []}.get(task, ["PER", "LOC"])
        return project_file(tmp_path / "projects", data, domain="language", task=task, classes=classes)

    return make


def customer(number: int) -> dict[str, Any]:
    """Return one row about a person who does not exist."""
    surnames, given = "김이박최정", ["갑돌쇠", "을순네", "병식이", "정례댁", "무술이"]
    name = surnames[number % 5] + given[number // 5 % 5]
    return {
        "name": name,
        "customer": 1000 + number // 2,
        "email": f"person{number}@corp.example.com",
        "age": 20 + number % 40,
        "city": ["서울", "부산", "제주"][number % 3],
        "visited": f"2025-{number % 12 + 1:02d}-15T09:00:00+09:00",
        "memo": f"{name} 고객 전화 010-1234-{number:04d} 😀",
        "amount": number * 1.5,
    }


@pytest.fixture
def rows() -> Callable[[Project, int], list[Item]]:
    """Return the function that makes items of a table project."""

    def make(project: Project, count: int, **changed: Any) -> list[Item]:
        form = project.data.content
        return [
            Item(
                key=f"고객-{number}",
                content=forms.dump_row({**customer(number), **changed}, form),  # type: ignore[arg-type]
                label=["stays", "leaves"][number % 2],
                taken_at=moment_of(f"2026-03-{number % 28 + 1:02d}T10:20:30+00:00"),
                source="production",
                group=f"가족{number // 3}",
            )
            for number in range(count)
        ]

    return make
