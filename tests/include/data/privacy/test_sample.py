"""A sample on its way from ops to dev: masked, reported, approved, merged, and nothing of the original anywhere."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataDenied, DataRepository
from include.data import items, rounds
from include.data.access import AccessUnrecorded
from include.data.privacy import (
    MaskingError,
    MaskingRefused,
    SampleNotApproved,
    check_sample,
    make_sample,
    record_sample_approval,
    remake_sample,
    require_sample_approval,
)
from include.data.privacy import values as masked_values
from include.ledger import Ledger
from include.projects import Project
from include.settings import Settings
from tests.include.data.privacy.conftest import SALT, customer

pytestmark = pytest.mark.integration
SECRETS = ("갑돌쇠", "을순네", "병식이", "corp.example", "010-1234", "고객-", "가족", "person1")


@pytest.fixture
def settings(data_server: Any, tmp_path: Path, ledger: Ledger) -> Settings:
    keys = {f"data_{zone}_{part}": value for zone in ("dev", "ops") for part, value in zip(
        ("access_key", "secret_key"), getattr(data_server, zone), strict=True)}  # fmt: skip
    return Settings(
        home=tmp_path,
        projects_dir=tmp_path / "projects",
        ledger_url=ledger.url,  # type: ignore[arg-type]
        data_dev_url=data_server.url,
        data_ops_url=data_server.url,
        masking_salt=SALT,  # type: ignore[arg-type]
        **keys,  # type: ignore[arg-type]
    )


def ops_round(settings: Settings, project: Project, rows: list[items.Item], run_id: str = "r1") -> None:
    """Put a round on main of ops, as collecting and merging would."""
    from include.data.collect import gather

    repo = rounds.repository(settings, project, "ops")
    ref = gather(repo, project, "collected", "production", run_id, "operator", lambda marks, known: (rows, dict))
    document = rounds.describe(repo, ref["commit"], ref["round"])
    repo.merge(ref["branch"], metadata=rounds.metadata("merge", document))


@pytest.fixture
def filled(settings: Settings, table_project: Any, rows: Any) -> Callable[..., Project]:
    """Return the function that makes a project with 300 rows in ops."""

    def make(count: int = 300, **masking: Any) -> Project:
        project = table_project(**masking)
        ops_round(settings, project, rows(project, count))
        return project

    return make


def yes(name: str = "approver1", option: str = "Approve") -> dict[str, Any]:
    user = {"id": name, "name": name}
    return {
        "chosen_options": [option],
        "params_input": {"reason": "봤습니다"},
        "responded_at": datetime.now(UTC),
        "responded_by_user": user,
    }


def everything(repo: DataRepository, ref: str) -> Iterator[bytes]:
    for path in repo.list(ref):
        yield path.encode()
        content = repo.get(ref, path)
        yield content
        if path.endswith(".parquet"):
            import io

            import pyarrow.parquet as pq

            yield repr(pq.read_table(io.BytesIO(content)).to_pylist()).encode()
            yield b"".join(pq.read_table(io.BytesIO(content))["content"].to_pylist())


def dev_of(settings: Settings, project: Project) -> DataRepository:
    return rounds.repository(settings, project, "dev")


def test_from_ops_to_a_version_of_dev(settings: Settings, filled: Any, caplog: Any, capfd: Any) -> None:
    caplog.set_level(logging.DEBUG)
    project = filled()
    sample = make_sample(settings, project, "run-1", "developer")
    assert sample["count"] == 100 and sample["kind"] == "sample" and sample["zone"] == "dev" and sample["branch"]
    assert json.loads(json.dumps(sample)) == sample
    assert make_sample(settings, project, "run-1", "developer") == {**sample, "new": False}
    dev = dev_of(settings, project)
    assert rounds.numbers(dev) == []
    report = check_sample(settings, project, sample)
    assert report["ok"] and {one["name"] for one in report["checks"]} == {"rows", "content_form", "as_masked", "personal_data"}
    document = rounds.describe(dev, sample["commit"], 1)
    with pytest.raises(SampleNotApproved, match="nobody has approved"):
        require_sample_approval(dev, sample["branch"], document)
    answer = record_sample_approval(settings, project, sample, yes(), {"run_id": "x"})
    assert (answer["decision"], answer["by"], answer["digest"]) == ("approved", "approver1", sample["approval_digest"])
    require_sample_approval(dev, sample["branch"], document)
    merged = data.merge_round(settings.for_zone("dev"), project, sample)
    version = data.tag_version(settings.for_zone("dev"), project, merged, "표본", "developer")
    assert version["count"] == 100
    seen = b"\n".join(everything(dev, "main")).decode("utf-8", "replace") + caplog.text + "".join(capfd.readouterr())
    seen += json.dumps([one.to_dict() for one in Ledger(settings.ledger()).audit_entries()], ensure_ascii=False)
    assert not [one for one in SECRETS if one in seen]
    assert "Masked sample" in dev.get("main", "rounds/000001/report.html").decode()
    actions = [one.action for one in Ledger(settings.ledger()).audit_entries()]
    assert actions[:3] == ["data.mask", "data.sample", "sample.approved"]
    assert make_sample(settings, project, "run-1", "developer")["commit"] == merged["commit"]


def test_the_same_salt_and_seed_give_the_same_rows(settings: Settings, filled: Any) -> None:
    project = filled()
    first, second = (make_sample(settings, project, run, "developer") for run in ("a", "b"))
    assert first["digest"] == second["digest"] and first["branch"] != second["branch"]
    other = settings.model_copy(update={"masking_salt": type(settings.masking_salt)("another long secret salt")})
    assert make_sample(other, project, "c", "developer")["digest"] != first["digest"]
    reseeded = project.model_copy(
        update={"data": project.data.model_copy(update={"masking": project.data.masking.model_copy(update={"seed": 9})})}
    )
    assert make_sample(settings, reseeded, "d", "developer")["digest"] != first["digest"]


def test_select(settings: Settings, filled: Any, rows: Any) -> None:
    project = filled(rows=1000, select={"rounds": [2], "labels": ["leaves"]}, quasi_identifiers=["age", "city", "visited"], k=2)
    extra = [
        items.Item(f"{one.key}b", one.content, one.label, one.taken_at, one.source, one.group) for one in rows(project, 400)[300:]
    ]
    ops_round(settings, project, extra, "r2")
    sample = make_sample(settings, project, "a", "developer")
    assert sample["labels"] == {"leaves": 50} and sample["count"] == 50


def test_each_content_once(settings: Settings, filled: Any, rows: Any) -> None:
    project = filled(count=60, rows=1000, max_suppressed=0.5)
    again = [items.Item(f"{one.key}-2", one.content, one.label, one.taken_at, one.source, one.group) for one in rows(project, 60)]
    ops_round(settings, project, again, "r2")
    assert make_sample(settings, project, "a", "developer")["count"] == 53


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"masking_salt": ""}, MaskingError, "no masking salt"),
        ({"masking_salt": "short"}, MaskingError, "shorter than 16"),
        ({"data_ops_access_key": ""}, DataDenied, "no credential for the ops"),
        ({"data_dev_access_key": ""}, DataDenied, "no credential for the dev"),
        ({"ledger_url": "sqlite:////proc/nowhere/ledger.db"}, (AccessUnrecorded, OSError), ""),
    ],
)
def test_what_is_missing_is_said_before_anything_is_read(
    settings: Settings, filled: Any, changed: dict[str, str], error: Any, said: str
) -> None:
    project = filled(60)
    changed = {name: type(getattr(settings, name))(value) for name, value in changed.items()}
    with pytest.raises(error, match=said):
        make_sample(settings.model_copy(update=changed), project, "a", "developer")


def test_a_down_ledger_gives_no_ops_data(settings: Settings, filled: Any, tmp_path: Path) -> None:
    project = filled(60)
    down = settings.model_copy(update={"ledger_url": type(settings.ledger_url)(f"sqlite:///{tmp_path / 'never-migrated.db'}")})
    with pytest.raises(AccessUnrecorded, match="not recorded, so it is not done"):
        make_sample(down, project, "a", "developer")


def test_no_rules_and_nothing_to_mask(settings: Settings, filled: Any, table_project: Any) -> None:
    project = filled(60)
    bare = project.model_copy(update={"data": project.data.model_copy(update={"masking": None})})
    with pytest.raises(MaskingError, match="no masking rules"):
        make_sample(settings, bare, "a", "developer")
    empty = table_project()
    rounds.repository(settings, empty, "ops").ensure()
    with pytest.raises(MaskingError, match="no item of it is to be masked"):
        make_sample(settings, empty, "a", "developer")
    assert not dev_of(settings, empty).has(rounds.branch_name("a", empty.repositories["ops"]))


def test_a_refused_sample_leaves_nothing(settings: Settings, table_project: Any, rows: Any) -> None:
    project = table_project(rules={"memo": {"rule": "keep"}})
    ops_round(settings, project, rows(project, 100))
    with pytest.raises(MaskingRefused) as caught:
        make_sample(settings, project, "a", "developer")
    assert "memo: 100 of 100" in str(caught.value) and not [one for one in SECRETS if one in str(caught.value)]
    dev = dev_of(settings, project)
    assert not dev.has(rounds.branch_name("a", project.repositories["ops"])) and list(dev.list("main")) == []
    few = table_project()
    ops_round(settings, few, rows(few, 6))
    with pytest.raises(MaskingRefused, match="share age, city, visited with fewer than 4 others"):
        make_sample(settings, few, "a", "developer")


def test_strange_rows_are_counted_and_left_out(settings: Settings, table_project: Any, rows: Any) -> None:
    project = table_project(rows=1000)
    odd = [items.Item(f"odd{n}", json.dumps({"age": f"비밀 {n}"}).encode(), "stays", None, "s") for n in range(3)]
    ops_round(settings, project, rows(project, 100) + odd)
    sample = make_sample(settings, project, "a", "developer")
    masking = json.loads(dev_of(settings, project).get(sample["commit"], "rounds/000001/masking.json"))
    assert masking["left_out"] == {"a value of age that is no integer": 3} and masking["chosen"] == 103
    assert "비밀" not in json.dumps(masking, ensure_ascii=False)
    only = table_project()
    ops_round(settings, only, odd)
    with pytest.raises(MaskingRefused, match="none of 3 items can be masked: 3 x a value of age that is no integer"):
        make_sample(settings, only, "a", "developer")


@pytest.mark.parametrize(
    ("answer", "decision", "reason"),
    [
        (yes("developer"), "refused", "may not approve it"),
        (yes(" Developer "), "refused", "may not approve it"),
        (yes("approver1", "Refuse"), "refused", "봤습니다"),
        (None, "refused", "nobody answered"),
        ({**yes(), "responded_by_user": {}}, "refused", "nobody answered"),
    ],
)
def test_a_no_is_a_no(settings: Settings, filled: Any, answer: Any, decision: str, reason: str) -> None:
    project = filled()
    sample = make_sample(settings, project, "a", "developer")
    found = record_sample_approval(settings, project, sample, answer, {"run_id": "x"})
    assert found["decision"] == decision and reason in found["reason"]
    dev = dev_of(settings, project)
    with pytest.raises(SampleNotApproved):
        require_sample_approval(dev, sample["branch"], rounds.describe(dev, sample["commit"], 1))
    record_sample_approval(settings, project, sample, yes(), {"run_id": "later"})
    with pytest.raises(SampleNotApproved, match="refused by"):  # a yes after a no is no yes
        require_sample_approval(dev, sample["branch"], rounds.describe(dev, sample["commit"], 1))


def test_an_approval_by_who_made_the_sample_does_not_count_at_the_merge_either(settings: Settings, filled: Any) -> None:
    project = filled()
    sample = make_sample(settings, project, "a", "developer")
    dev = dev_of(settings, project)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    subject = f"sample {dev.name} {sample['approval_digest']}"
    Ledger(settings.ledger()).audit(" Developer", "sample.approved", subject, {"expires_at": later})
    with pytest.raises(SampleNotApproved, match="does not count"):
        require_sample_approval(dev, sample["branch"], rounds.describe(dev, sample["commit"], 1))


def test_the_same_answer_twice_is_one_entry(settings: Settings, filled: Any) -> None:
    project, answer = filled(), yes()
    sample = make_sample(settings, project, "a", "developer")
    first = record_sample_approval(settings, project, sample, answer, {"run_id": "x"})
    assert record_sample_approval(settings, project, sample, answer, {"run_id": "x"}) == first


@pytest.mark.parametrize("what", ["rows", "report", "count"])
def test_changed_bytes_are_not_approved(settings: Settings, filled: Any, what: str, tmp_path: Path) -> None:
    project = filled()
    sample = make_sample(settings, project, "a", "developer")
    record_sample_approval(settings, project, sample, yes(), {})
    dev, path = dev_of(settings, project), f"rounds/{sample['round']:06d}/"
    if what == "rows":
        dev.fetch(sample["branch"], f"{path}items.parquet", tmp_path / "t.parquet")
        rows = list(items.Table(tmp_path / "t.parquet"))
        items.write(tmp_path / "u.parquet", [rows[0], *rows[:-1]], project.data.content, True)
        dev.put(sample["branch"], f"{path}items.parquet", tmp_path / "u.parquet")
    elif what == "report":
        masking = json.loads(dev.get(sample["branch"], f"{path}masking.json"))
        dev.put(sample["branch"], f"{path}masking.json", items.dump({**masking, "salt": "x"}))
    else:
        dev.put(sample["branch"], f"{path}masking.json", b"{}")
    dev.commit(sample["branch"], "changed", {"step": "round", "round": 1})
    with pytest.raises(SampleNotApproved, match=r"nobody has approved|not those of its masking report"):
        require_sample_approval(dev, sample["branch"], rounds.describe(dev, sample["branch"], 1))
    late = record_sample_approval(settings, project, sample, yes("approver2"), {"run_id": "again"})
    assert late["decision"] == "refused"


def test_an_approval_runs_out_and_a_changed_ledger_approves_nothing(settings: Settings, filled: Any) -> None:
    project = filled()
    sample = make_sample(settings, project, "a", "developer")
    short = project.model_copy(update={"approval": project.approval.model_copy(update={"valid_hours": -1})})
    record_sample_approval(settings, short, sample, yes(), {})
    dev = dev_of(settings, project)
    document = rounds.describe(dev, sample["commit"], 1)
    with pytest.raises(SampleNotApproved, match="ran out"):
        require_sample_approval(dev, sample["branch"], document)
    record_sample_approval(settings, project, sample, yes("approver2"), {})
    require_sample_approval(dev, sample["branch"], document)
    with sqlite3.connect(settings.ledger().removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE action = 'sample.approved'")
    with pytest.raises(SampleNotApproved, match="chain is broken"):
        require_sample_approval(dev, sample["branch"], document)


def test_two_maskings_at_once(settings: Settings, filled: Any) -> None:
    project = filled()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda run: make_sample(settings, project, run, "developer"), ("a", "b"))
    assert first["round"] == second["round"] == 1 and first["digest"] == second["digest"]
    dev = dev_of(settings, project)
    for sample in (first, second):
        check_sample(settings, project, sample)
        record_sample_approval(settings, project, sample, yes(), {})
    data.merge_round(settings.for_zone("dev"), project, first)
    # The second comes behind it without a look at ops, and its approval still holds.
    merged = data.merge_round(settings.for_zone("dev"), project, second)
    assert merged["round"] == 2 and rounds.numbers(dev) == [1, 2]
    masking = json.loads(dev.get("main", "rounds/000002/masking.json"))
    assert items.digest(masking) == second["approval_digest"]


def test_made_again_behind_another_round(settings: Settings, filled: Any) -> None:
    project = filled()
    sample = make_sample(settings, project, "a", "developer")
    dev = dev_of(settings, project)
    dev.delete_branch(sample["branch"])
    again = remake_sample(settings.for_zone("dev"), project, sample)
    assert {**again, "commit": 0, "report": 0} == {**sample, "commit": 0, "report": 0}


def test_a_collection_after_a_sample_goes_on_where_it_was(settings: Settings, filled: Any, tmp_path: Path) -> None:
    project = filled()
    source = tmp_path / "source.db"
    with sqlite3.connect(source) as connection:
        names = [*customer(0), "label", "family"]
        connection.execute(f"CREATE TABLE customers (id INTEGER PRIMARY KEY, {', '.join(names)})")
        for number in range(50):
            values = [number, *customer(number).values(), "stays", "f"]
            connection.execute(f"INSERT INTO customers VALUES ({', '.join('?' * len(values))})", values)
    settings = settings.model_copy(update={"source_url": type(settings.source_url)(f"sqlite:///{source}")})
    first = data.collect_round(settings, project, "dev", "c1", "developer")
    data.refine_round(settings, project, first)
    data.check_round(settings, project, first)
    data.merge_round(settings, project, first)
    sample = make_sample(settings, project, "a", "developer")
    check_sample(settings, project, sample)
    record_sample_approval(settings, project, sample, yes(), {})
    assert data.merge_round(settings, project, sample)["round"] == 2
    assert data.collect_round(settings, project, "dev", "c2", "developer")["count"] == 0
    assert masked_values.fingerprint(masked_values.derive(SALT.encode(), project.name))
