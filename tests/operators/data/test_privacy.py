"""The tasks of masked_sample: mask, approve, merge, and what happens to a no."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowFailException

from include.data import forms, rounds
from include.data.collect import gather
from include.data.items import Item
from include.jobs.errors import JobKilled
from include.ledger import Ledger
from include.projects import Project, load_project
from include.settings import Settings
from operators.data import (
    ApproveSampleOperator,
    CheckRoundOperator,
    MaskSampleOperator,
    MergeRoundOperator,
    RefineRoundOperator,
    TagVersionOperator,
)

pytestmark = pytest.mark.integration
COLUMNS = {"name": {"type": "text", "personal": True}, "age": {"type": "integer", "personal": True}, "spent": {"type": "number"}}
RULES = {"name": {"rule": "fake", "kind": "name"}, "age": {"rule": "generalise", "step": 20}, "spent": {"rule": "keep"}}
MASKING = {"columns": RULES, "quasi_identifiers": ["age"], "rows": 80}
DOCUMENT: dict[str, Any] = {
    "name": "people", "title": "사람들 | *굵게*", "owner": "people",
    "domain": "tabular", "task": "classification", "classes": ["a", "b"],
    "split": {"method": "random", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}, "seed": 1},
    "data": {
        "source": {"kind": "sql", "table": "people", "key": "id", "label": "label"},
        "content": {"kind": "table", "columns": COLUMNS},
        "masking": MASKING,
    },
}  # fmt: skip


@pytest.fixture
def world(data_server: Any, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, Project]:
    """Give settings and a project with 120 people in ops; operators see these settings."""
    name = f"people{time.monotonic_ns() % 10**9}"
    (tmp_path / "projects" / name).mkdir(parents=True)
    text = yaml.safe_dump({**DOCUMENT, "name": name}, allow_unicode=True, sort_keys=False)
    (tmp_path / "projects" / name / "project.yaml").write_text(text, encoding="utf-8")
    settings = Settings(
        home=tmp_path,
        projects_dir=tmp_path / "projects",
        ledger_url=ledger.url,  # type: ignore[arg-type]
        masking_salt="a salt of the tests alone",  # type: ignore[arg-type]
        data_dev_url=data_server.url,
        data_ops_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=data_server.dev[1],
        data_ops_access_key=data_server.ops[0],
        data_ops_secret_key=data_server.ops[1],
    )
    project = load_project(name, settings.projects_dir)
    rows = [{"name": f"갑돌쇠{n}", "age": n % 60, "spent": n / 2} for n in range(120)]
    form = project.data.content
    items = [Item(f"사람-{n}", forms.dump_row(row, form), "ab"[n % 2], None, "s") for n, row in enumerate(rows)]  # type: ignore[arg-type]
    ops = rounds.repository(settings, project, "ops")
    ref = gather(ops, project, "collected", "s", "r1", "operator", lambda marks, known: (items, dict))
    ops.merge(ref["branch"], metadata=rounds.metadata("merge", rounds.describe(ops, ref["commit"], 1)))
    for module in ("base", "question"):
        monkeypatch.setattr(f"operators.{module}.platform_settings", lambda: settings)
    return settings, project


@pytest.fixture
def context(context: dict[str, Any]) -> dict[str, Any]:
    ids = {"dag_id": "people.masked_sample", "run_id": "manual__1", "task_id": "approve_sample", "id": "ti-1"}
    task = SimpleNamespace(**{**vars(context["task_instance"]), **ids})
    return {**context, "dag": SimpleNamespace(dag_id="people.masked_sample"), "task_instance": task}


def answer(name: str, option: str = "Approve") -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": "봤습니다"},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": name, "name": name},
    }


def ask(project: Project, sample: dict[str, Any]) -> ApproveSampleOperator:
    return ApproveSampleOperator(task_id="approve_sample", project=project.name, sample=sample, role="Approver", timeout_hours=1)


def test_from_ops_to_dev(world: Any, context: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, project = world
    caplog.set_level(logging.INFO)
    sample = MaskSampleOperator(task_id="mask_sample", project=project.name).execute(context)
    assert sample["count"] == 80 and json.loads(json.dumps(sample)) == sample
    RefineRoundOperator(task_id="refine_round", project=project.name, round=sample).execute(context)
    assert CheckRoundOperator(task_id="check_round", project=project.name, round=sample).execute(context)["ok"]

    # A task marked as success, or an order of tasks that somebody changed, merges nothing.
    with pytest.raises(AirflowFailException, match=r"SampleNotApproved: .* nobody has approved"):
        MergeRoundOperator(task_id="merge_round", project=project.name, round=sample).execute(context)

    asking = ask(project, sample)
    monkeypatch.setattr(HITLOperator, "execute", lambda self, context: None)
    asking.execute(context)
    assert sample["approval_digest"] in (asking.body or "") and "\\| \\*굵게\\*" in (asking.body or "")
    assert "80 items" in asking.subject and asking.assigned_users == [{"id": "role:Approver", "name": "Approver"}]
    assert set(asking.serialized_params) == {"reason"}
    record = asking.execute_complete(context, answer("approver1"))
    assert record["decision"] == "approved" and record["digest"] == sample["approval_digest"]
    merged = MergeRoundOperator(task_id="merge_round", project=project.name, round=sample).execute(context)
    version = TagVersionOperator(task_id="tag_version", project=project.name, round=merged).execute(context)
    assert version["count"] == 80
    assert "갑돌쇠" not in caplog.text + json.dumps([sample, record, merged, version], ensure_ascii=False) + str(asking.body)
    entries = Ledger(settings.ledger()).audit_entries()
    assert {one.actor for one in entries} == {"developer", "approver1"}
    assert [(one.action, one.details.get("via")) for one in entries] == [
        ("data.mask", None), ("data.sample", None), ("data.read", "refine_round"), ("data.read", "check_round"),
        ("data.read", "merge_round"), ("sample.approved", None), ("data.read", "merge_round"), ("data.write", "merge_round"),
        ("data.read", "tag_version"), ("data.write", "tag_version"),
    ]  # fmt: skip
    assert entries[0].details["zone"] == "ops" and entries[1].details == {**entries[1].details, "zone": "dev", "rows": 80}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (answer("approver1", "Refuse"), "refused by approver1: 봤습니다"),
        (answer("developer"), "may not approve it"),
        ({"error": "no response", "error_type": "timeout"}, "nobody answered in time"),
    ],
)
def test_a_no_ends_the_run(world: Any, context: Any, given: Any, why: str) -> None:
    settings, project = world
    sample = MaskSampleOperator(task_id="mask_sample", project=project.name).execute(context)
    with pytest.raises(AirflowFailException, match=why):
        ask(project, sample).execute_complete(context, given)
    CheckRoundOperator(task_id="check_round", project=project.name, round=sample).execute(context)
    with pytest.raises(AirflowFailException, match="SampleNotApproved"):
        MergeRoundOperator(task_id="merge_round", project=project.name, round=sample).execute(context)
    assert Ledger(settings.ledger()).verify_audit().ok


def test_what_is_refused_names_no_value(world: Any, context: Any, caplog: Any) -> None:
    settings, project = world
    caplog.set_level(logging.INFO)
    file = settings.projects_dir / project.name / "project.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["data"]["masking"]["columns"]["name"] = {"rule": "redact"}
    document["data"]["masking"]["columns"]["age"] = {"rule": "generalise", "step": 1}
    file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    with pytest.raises(AirflowFailException, match=r"MaskingRefused: .* share age with fewer than 4 others") as caught:
        MaskSampleOperator(task_id="mask_sample", project=project.name).execute(context)
    assert "갑돌쇠" not in caplog.text + str(caught.value)
    assert list(rounds.repository(settings, project, "dev").list("main")) == []


@pytest.mark.parametrize("wait_s", [0.3, 1.2, 1.6, 2.0])
def test_killed_in_the_middle_and_started_again(world: Any, context: Any, wait_s: float) -> None:
    settings, project = world
    task = MaskSampleOperator(task_id="mask_sample", project=project.name)
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(task.execute(context))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not (task._running and task._running.process):
        time.sleep(0.02)
    time.sleep(wait_s)
    process = psutil.Process(task._running.process.pid) if psutil.pid_exists(task._running.process.pid) else None
    if process:
        os.kill(process.pid, signal.SIGKILL)
    thread.join(60)
    assert found and (isinstance(found[0], JobKilled) or found[0]["count"] == 80)
    assert list(rounds.repository(settings, project, "dev").list("main")) == [] if repository_there(settings, project) else True
    again = MaskSampleOperator(task_id="mask_sample", project=project.name).execute(context)
    assert again["count"] == 80
    assert CheckRoundOperator(task_id="check_round", project=project.name, round=again).execute(context)["ok"]


def repository_there(settings: Settings, project: Project) -> bool:
    return rounds.repository(settings, project, "dev").has("main")
