"""Everything that the function catalogue names exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CATALOG = yaml.safe_load((ROOT / "include" / "catalog" / "functions.yaml").read_text(encoding="utf-8"))
KEYS = {"name", "done_by", "dags", "endpoints", "tests", "open"}


@pytest.mark.parametrize("function", sorted(CATALOG))
def test_a_row_is_complete(function):
    row = CATALOG[function]
    assert re.fullmatch(r"[DMTRIOAG]\d\d", function)
    assert set(row) <= KEYS
    assert row["name"] and row["done_by"] and row["tests"]


@pytest.mark.parametrize("path", sorted({p for row in CATALOG.values() for p in row["done_by"]}))
def test_what_does_it_exists(path):
    module, _, name = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("path", sorted({p for row in CATALOG.values() for p in row["tests"]}))
def test_what_shows_it_exists(path):
    assert re.search(r"^(async )?def test_", (ROOT / path).read_text(encoding="utf-8"), re.M)


def test_the_dags_exist():
    named = {d for row in CATALOG.values() for d in row.get("dags", [])}
    assert named
    assert named <= {p.stem for p in (ROOT / "dags").glob("*.py")}


def test_the_endpoints_exist(tmp_path):
    from include.inference.app import create_app
    from include.settings import Settings
    from plugins.console.app import create_app as create_console

    apps = {"": create_app(Settings(home=tmp_path, prediction_log=tmp_path)), "/devmlops": create_console()}
    served = {
        f"{method} {prefix}{re.sub(r'{[^}]*}', '{}', route.path)}"
        for prefix, app in apps.items()
        for route in app.routes
        for method in getattr(route, "methods", None) or ()
    }
    named = {e for row in CATALOG.values() for e in row.get("endpoints", [])}
    assert named
    assert not {e for e in named if re.sub(r"{[^}]*}", "{}", e) not in served}
