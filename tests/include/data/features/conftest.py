"""A shop whose purchases lie in data versions, and its feature views; each test has a project of its own."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import include.projects
from include import data
from include.clients.lakefs import DataRepository
from include.data import forms, items, pieces, rounds
from include.ledger import Ledger
from include.projects import Project, load_project
from include.settings import Settings

TRANSFORM = """
import pandas as pd

from include.projects.{name}.money import won


def purchases(rows):
    rows = rows.sort_values("bought_at", kind="stable")
    return pd.DataFrame({{
        "customer": rows["customer"],
        "bought_at": rows["bought_at"],
        "amount": rows["amount"] * won(),
        "pieces": rows["pieces"],
        "member": rows["member"],
        "shop": rows["shop"],
        "before": rows.groupby("customer")["bought_at"].shift(),
    }}).sort_index()


def broken(rows):
    raise ValueError("나눌 수 없음")


def totals(rows):
    grouped = rows.groupby(["customer", "shop"], as_index=False)
    return grouped.agg(bought_at=("bought_at", "max"), total=("amount", "sum"))
"""
PURCHASES: dict[str, Any] = {
    "entity": "customer",
    "keys": {"customer": "text"},
    "timestamp": "bought_at",
    "features": {
        "amount": {"type": "number", "description": "쓴 돈, 원"},
        "pieces": {"type": "integer"},
        "member": {"type": "boolean"},
        "shop": {"type": "text"},
        "before": {"type": "time", "description": "time of the purchase before"},
    },
    "transform": "features:purchases",
    "ttl_hours": 48,
    "tags": ["sales", "매출"],
}
TOTALS: dict[str, Any] = {
    "entity": "customer in a shop",
    "keys": {"customer": "text", "shop": "text"},
    "timestamp": "bought_at",
    "features": {"total": {"type": "number"}},
    "transform": "features:totals",
    "aggregates": True,
    "owner": "finance",
}


def document(name: str) -> dict[str, Any]:
    """Return the project.yaml of a shop."""
    types = {
        "customer": "text",
        "bought_at": "time",
        "amount": "number",
        "pieces": "integer",
        "member": "boolean",
        "shop": "category",
    }
    columns = {column: {"type": kind, "max_missing": 1.0} for column, kind in types.items()}
    return {
        "name": name,
        "title": "가게",
        "domain": "tabular",
        "task": "regression",
        "owner": "data-team",
        "data": {
            "source": {"kind": "files", "url": "in", "format": "jsonl", "key": "id"},
            "content": {"kind": "table", "columns": columns},
        },
        "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}},
        "feature_views": {"purchases": PURCHASES, "totals": TOTALS},
    }


@dataclass
class Shop:
    """A project with features, on the real data server and a ledger of its own."""

    settings: Settings
    folder: Path
    rounds: int = 0
    pieces: list[Any] = field(default_factory=list)

    @property
    def project(self) -> Project:
        return load_project(self.folder.name, self.folder.parent)

    @property
    def repo(self) -> DataRepository:
        return DataRepository(self.settings, self.project.repositories["dev"], "dev")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger())

    def change(self, name: str = "purchases", **fields: Any) -> None:
        """Change a view in project.yaml."""
        path = self.folder / "project.yaml"
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        found["feature_views"][name].update(fields)
        path.write_text(yaml.safe_dump(found, allow_unicode=True, sort_keys=False), encoding="utf-8")

    def write(self, module: str, text: str) -> None:
        """Write a module of the project, and forget what was imported of it."""
        (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        forget(self.folder.name)

    def version(self, rows: list[dict[str, Any]], run_id: str = "") -> dict[str, Any]:
        """Add a round with purchases and make a version of all rounds."""
        self.rounds += 1
        form, number, repo = self.project.data.content, self.rounds, self.repo
        path = self.folder / "items.parquet"
        at = datetime(2026, 1, 1, tzinfo=UTC)
        made = [items.Item(f"{number}-{n}", forms.dump_row(row, form), None, at, "sql:purchases") for n, row in enumerate(rows)]
        totals = items.write(path, made, form)
        repo.branch("work")
        repo.put("work", rounds.items_path(number), path)
        described = {"number": number, "kind": "collected", "count": totals.count, "digest": totals.digest}
        repo.put("work", rounds.round_path(number), items.dump(described))
        commit = repo.commit("work", f"round {number}", {})
        self.pieces.append(pieces.piece(repo, commit, described))
        name = f"v{number}"
        count = sum(piece["count"] for piece in self.pieces)
        about = {"version": name, "kind": "version", "rounds": list(range(1, number + 1)), "run_id": run_id, "author": "개발자"}
        listed = {**about, "pieces": self.pieces, "count": count, "digest": pieces.digest(self.pieces)}
        repo.put("work", f"versions/{name}.json", items.dump(listed))
        repo.commit("work", f"version {name}", {})
        repo.tag(name, repo.merge("work"))
        return data.version(self.settings, self.project, "dev", name)


def forget(name: str) -> None:
    for module in [one for one in sys.modules if one.startswith(f"include.projects.{name}")]:
        del sys.modules[module]


def purchase(
    customer: str | None, day: int, amount: Any = 10, pieces: Any = 1, member: Any = True, shop: str | None = "강남"
) -> dict:
    """Return a purchase at noon UTC of a day in January 2026."""
    at = f"2026-01-{day:02d}T21:00:00+09:00"
    return {"customer": customer, "bought_at": at, "amount": amount, "pieces": pieces, "member": member, "shop": shop}


@pytest.fixture(name="purchase")
def purchase_fixture() -> Any:
    return purchase


@pytest.fixture
def shop_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a shop's project, importable."""
    name = f"shop{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "projects" / name
    folder.mkdir(parents=True)
    monkeypatch.setattr(include.projects, "__path__", [*include.projects.__path__, str(folder.parent)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two changes within a second would look like one
    (folder / "__init__.py").touch()
    (folder / "features.py").write_text(TRANSFORM.format(name=name), encoding="utf-8")
    (folder / "money.py").write_text("def won():\n    return 1000\n", encoding="utf-8")
    (folder / "project.yaml").write_text(yaml.safe_dump(document(name), allow_unicode=True, sort_keys=False), encoding="utf-8")
    yield folder
    forget(name)


@pytest.fixture
def shop(shop_folder: Path, data_server: Any, tmp_path: Path) -> Shop:
    """Give a shop without any version."""
    settings = Settings(
        home=tmp_path,
        projects_dir=shop_folder.parent,
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=data_server.dev[1],
    )
    made = Shop(settings, shop_folder)
    made.repo.ensure()
    made.ledger.migrate()
    return made
