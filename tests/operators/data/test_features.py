"""The pipeline of features: from a data version to values that the AP finds, by the real operators."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException

from include.data import features, forms, items, pieces, rounds
from include.data import version as find_version
from include.data.rounds import repository
from include.jobs.registry import JOBS, check_args
from include.ledger import Ledger
from include.projects import load_project
from include.settings import ROOT, Settings
from operators.data import ComputeFeaturesOperator, MaterialiseFeaturesOperator

CODE = "def f(rows):\n    return rows\n"


def shop(name: str) -> dict[str, Any]:
    view = {
        "entity": "customer",
        "keys": {"customer": "text"},
        "timestamp": "at",
        "features": {"amount": {"type": "number"}},
        "transform": "code:f",
        "source": {"columns": ["customer", "at", "amount"]},
    }
    columns = {"customer": {"type": "text"}, "at": {"type": "time"}, "amount": {"type": "number"}}
    return {
        "name": name,
        "title": "가게",
        "domain": "tabular",
        "task": "regression",
        "owner": "team",
        "data": {
            "source": {"kind": "files", "url": "in", "format": "jsonl", "key": "id"},
            "content": {"kind": "table", "columns": columns},
        },
        "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}},
        "feature_views": {"spent": view, "kept": {**view, "online": False}},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    name = f"shop{uuid.uuid4().hex[:8]}"
    made = tmp_path / "projects" / name
    made.mkdir(parents=True)
    (made / "__init__.py").touch()
    (made / "code.py").write_text(CODE)
    (made / "project.yaml").write_text(yaml.safe_dump(shop(name)), encoding="utf-8")
    return made


@pytest.fixture
def settings(folder: Path, data_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(
        home=tmp_path,
        projects_dir=folder.parent,
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=data_server.dev[1],
    )
    Ledger(made.ledger()).migrate()
    monkeypatch.setattr("operators.base.platform_settings", lambda: made)
    return made


def add_version(settings: Settings, name: str, rows: list[tuple[str, str, float]]) -> dict[str, Any]:
    project = load_project(name, settings.projects_dir)
    repo, form = repository(settings, project, "dev"), project.data.content
    repo.ensure()
    number = len(rounds.numbers(repo)) + 1
    path = settings.home / "items.parquet"
    contents = [forms.dump_row(dict(zip(("customer", "at", "amount"), row, strict=True)), form) for row in rows]
    totals = items.write(path, [items.Item(str(n), one, None, None, "x") for n, one in enumerate(contents)], form)
    repo.branch("work")
    repo.put("work", rounds.items_path(number), path)
    described = {"number": number, "kind": "collected", "count": totals.count, "digest": totals.digest}
    piece = pieces.piece(repo, repo.commit("work", "round", {}), described)
    about = {"version": f"v{number}", "kind": "version", "rounds": [number], "run_id": "r", "author": "a"}
    repo.put("work", rounds.round_path(number), items.dump(described))
    document = {**about, "pieces": [piece], "count": totals.count, "digest": "sha256:0"}
    repo.put("work", f"versions/v{number}.json", items.dump(document))
    repo.commit("work", "version", {})
    repo.tag(f"v{number}", repo.merge("work"))
    return find_version(settings, project, "dev", f"v{number}")


@pytest.mark.integration
def test_from_a_version_to_a_lookup(settings: Settings, folder: Path, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The job imports the project by include.projects: its folder is put behind the package's own.
    (settings.home / "site").mkdir()
    line = f"import include.projects; include.projects.__path__.append({str(folder.parent)!r})\n"
    (settings.home / "site" / "sitecustomize.py").write_text(line)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(settings.home / "site"), str(ROOT)]))
    name = folder.name
    add_version(settings, name, [("김", "2026-01-01T00:00Z", 1), ("이", "2026-01-02T00:00Z", 2)])
    found = ComputeFeaturesOperator(task_id="compute", project=name, view="spent").execute(context)
    assert (found["version"], found["count"], found["new"]) == ("v1", 2, True) and json.loads(json.dumps(found)) == found
    again = ComputeFeaturesOperator(task_id="compute", project=name, view="spent", version=" v1 ").execute(context)
    assert again == {**found, "new": False}
    counts = MaterialiseFeaturesOperator(task_id="materialise", project=name, view="spent", features=found).execute(context)
    assert counts == {"written": 2, "older": 0, "removed": 0, "rows": 2, "new": True}
    repeated = MaterialiseFeaturesOperator(task_id="materialise", project=name, view="spent", features=again).execute(context)
    assert repeated["new"] is False
    project = load_project(name, settings.projects_dir)
    assert features.online(settings, project, "spent", ["이"])[0]["views"]["spent"]["features"] == {"amount": 2}
    assert Ledger(settings.ledger()).audit_entries(f"{name}/spent")[0].actor == "developer"
    with pytest.raises(AirflowFailException, match=r"no version 'v9'.*Versions there: v1"):
        ComputeFeaturesOperator(task_id="compute", project=name, view="spent", version="v9").execute(context)
    (folder / "code.py").write_text("def f(rows):\n    return rows.iloc[:1]\n")
    with pytest.raises(AirflowFailException, match="it gave 1 rows for 2"):
        ComputeFeaturesOperator(task_id="compute", project=name, view="spent").execute(context)
    with pytest.raises(AirflowFailException, match="online: false"):
        MaterialiseFeaturesOperator(task_id="m", project=name, view="kept", features={**found, "view": "kept"}).execute(context)


def test_the_arguments_fit_the_job(context: Any) -> None:
    task = ComputeFeaturesOperator(task_id="t", project="p", view="v", version=None)
    given = task.arguments(Settings(), context)
    check_args(task.job, JOBS[task.job].load(), given)
    assert given == {"view": "v", "version": "", "zone": "dev", "run_id": "digits.release/manual__1", "author": "developer"}


def test_the_pipeline_is_there_for_projects_with_views(folder: Path) -> None:
    (folder.parent / "digits").symlink_to(ROOT / "include" / "projects" / "digits")
    script = (
        "import importlib.util, json\n"
        f"s = importlib.util.spec_from_file_location('d', {str(ROOT / 'dags' / 'features.py')!r})\n"
        "m = importlib.util.module_from_spec(s)\n"
        "s.loader.exec_module(m)\n"
        "found = {k: v for k, v in vars(m).items() if '.' in k}\n"
        "print(json.dumps({k: {t.task_id: sorted(t.upstream_task_ids) for t in v.tasks} for k, v in found.items()}))\n"
        "print([a.name for v in found.values() for a in v.timetable.asset_condition.objects])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(folder.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    dags, assets = done.stdout.splitlines()[-2:]
    tasks = {"compute_spent": [], "materialise_spent": ["compute_spent"], "compute_kept": []}
    assert json.loads(dags) == {f"{folder.name}.features": tasks}
    assert assets == str([f"{folder.name}/data"])
