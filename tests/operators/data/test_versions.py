"""The tasks of bundle, data_rollback and dictionary."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include import data
from include.projects import load_project
from include.settings import ROOT, Settings
from operators.data import (
    LoadDictionaryOperator,
    MakeFilteredBundleOperator,
    MakeSplitOperator,
    RollBackDataOperator,
)

pytestmark = pytest.mark.integration
NAME = "mixed"


@pytest.fixture
def settings(data_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of a project with v1 and v2 and a dictionary."""
    from include.ledger import Ledger

    name = f"{NAME}_{tmp_path.name[-12:].lower().replace('-', '_')}"
    document = yaml.safe_load((ROOT / "include" / "projects" / "digits" / "project.yaml").read_text(encoding="utf-8"))
    document["name"] = name
    document["data"] |= {"checks": {"min_rows": 10}, "dictionaries": {"words": {"path": "words.csv"}}}
    folder = tmp_path / "projects" / name
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "words.csv").write_text("word,tag\n개,NNG\n", encoding="utf-8")
    made = Settings(
        home=tmp_path,
        projects_dir=tmp_path / "projects",
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=data_server.dev[1],
        source_url=f"sqlite:///{tmp_path / 'source.db'}",
    )
    Ledger(made.ledger()).migrate()
    monkeypatch.setattr("operators.base.platform_settings", lambda: made)
    project = load_project(name, made.projects_dir)
    with sqlite3.connect(tmp_path / "source.db") as connection:
        connection.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT)")
        for begin in (0, 60):
            rows = [(n, bytes([n % 17, n // 17] * 32), n % 10, f"2026-01-0{1 + n // 60}") for n in range(begin, begin + 60)]
            connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?)", rows)
            connection.commit()
            ref = data.collect_round(made, project, "dev", f"r{begin}", "x")
            data.check_round(made, project, ref)
            data.tag_version(made, project, data.merge_round(made, project, ref), "", "x")
    return made


@pytest.fixture
def name(settings: Settings) -> str:
    return next(settings.projects_dir.iterdir()).name


def filter_(**wanted: Any) -> dict[str, Any]:
    """Return what the templates of dags/bundle.py become."""
    given = {"classes": [], "sources": [], "groups": [], "labels": None, "taken_from": None, "taken_to": None, **wanted}
    sample = {"n": json.dumps(given.pop("n", None)), "seed": json.dumps(given.pop("seed", 0))}
    return {**{key: json.dumps(value) for key, value in given.items()}, "sample": sample}


def test_a_bundle_by_the_form(settings: Settings, name: str, context: Any) -> None:
    def bundle(run_id: str, **given: Any) -> dict[str, Any]:
        wanted = {key: json.dumps(given.pop(key)) for key in ("versions", "rounds") if key in given}
        task = MakeFilteredBundleOperator(task_id="make_bundle", project=name, filter=filter_(**given), notes="시험", **wanted)
        return task.execute({**context, "run_id": run_id})

    made = bundle("m1", versions=["v1", "v2"], classes=["3", "4"], n=20, seed=3)
    assert (made["version"], made["count"]) == ("v3", 20) and json.loads(json.dumps(made)) == made
    assert bundle("m1", versions=["v1"]) == {**made, "new": False}
    assert sum(MakeSplitOperator(task_id="s", project=name, version=made).execute(context)["counts"].values()) == 20
    assert bundle("m2", rounds=[2], taken_to="2026-01-02T12:00:00+00:00")["count"] == 60
    assert bundle("m3", classes=["1"])["count"] == 6  # of the newest, which is round 2's bundle
    for said, given in {
        "no version 'v9'": {"versions": ["v9"]},
        "no such class": {"classes": ["고양이"]},
        "nothing is left": {"sources": ["nowhere"]},
        "a sample of 999": {"n": 999},
    }.items():
        with pytest.raises(AirflowFailException, match=said):
            bundle(f"m {said}", **given)


def test_a_rollback(settings: Settings, name: str, context: Any) -> None:
    def back(version: str, run_id: str = "m1") -> dict[str, Any]:
        task = RollBackDataOperator(task_id="roll_back", project=name, version=version, reason="틀림")
        return task.execute({**context, "run_id": run_id})

    made = back("v1")
    assert (made["version"], made["rolled_back_to"], made["withdrawn"], made["count"]) == ("v3", "v1", [2], 60)
    assert back("v1") == {**made, "new": False}
    assert MakeSplitOperator(task_id="s", project=name, version=made).execute(context)["version"] == "v3"
    with pytest.raises(AirflowFailException, match="v3 is the newest"):
        back("v3", "m2")


def test_a_dictionary(settings: Settings, name: str, context: Any) -> None:
    task = LoadDictionaryOperator(task_id="load_words", project=name, dictionary="words")
    made = task.execute(context)
    assert (made["tag"], made["count"], made["round"]) == ("dict-words-v1", 1, 3)
    assert task.execute(context) == {**made, "new": False}
    with pytest.raises(AirflowSkipException, match="the words of words are those of v1"):
        task.execute({**context, "run_id": "manual__2"})
    (settings.projects_dir / name / "words.csv").write_text("word,tag\n개,NNG\n개,\n", encoding="utf-8")
    assert task.execute({**context, "run_id": "manual__3"})["tag"] == "dict-words-v2"
    (settings.projects_dir / name / "words.csv").write_text("wort\n", encoding="utf-8")
    with pytest.raises(AirflowFailException, match="no column word"):
        task.execute({**context, "run_id": "manual__4"})


def test_the_dag_is_there_for_projects_with_dictionaries(settings: Settings, name: str) -> None:
    script = (
        "import importlib.util, json\n"
        f"spec = importlib.util.spec_from_file_location('d', {str(ROOT / 'dags' / 'dictionary.py')!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(json.dumps({k: sorted(v.task_ids) for k, v in vars(module).items() if '.' in k}))\n"
    )
    import os

    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEVMLOPS_PROJECTS_DIR": str(settings.projects_dir)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=120, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {f"{name}.dictionary": ["load_words"]}
