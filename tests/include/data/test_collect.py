"""Rounds from a SQL source: incremental, idempotent, and clear about a source that is not as it should be."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from include import data
from include.clients.lakefs import DataNotFound
from include.data import items, rounds

pytestmark = pytest.mark.integration


def test_a_round_is_complete_and_lies_on_the_runs_branch_only(world: Any) -> None:
    ref = world.collect("manual__2026-01-01T00:00:00+00:00 한")
    assert (ref["round"], ref["count"], ref["new"], ref["kind"]) == (1, 200, True, "collected")
    assert ref["branch"].startswith("run-manual-2026-01-01T00-00-00-00-00-")
    assert rounds.numbers(world.dev) == [] and rounds.numbers(world.dev, ref["branch"]) == [1]
    described = rounds.describe(world.dev, ref["branch"], 1)
    assert described["high_water_marks"] == {"sql:scans": {"type": "int", "value": 200}}
    assert (
        described["bytes"] == 200 * 64
        and described["state"] == "raw"
        and described["labelled"] == 200
        and described["author"] == "developer"
    )
    assert described["labels"] == {str(digit): 20 for digit in range(10)}
    table = items.read(world.dev, ref["branch"], rounds.items_path(1), items.COLUMNS)
    assert table["key"].to_pylist() == [str(n) for n in range(1, 201)]
    assert table["taken_at"][0].as_py().isoformat() == "2026-01-05T00:00:00+00:00"
    commit = world.dev.commit_info(ref["branch"])
    assert commit.metadata == {
        "step": "round",
        "kind": "collected",
        "project": world.project.name,
        "source": "sql:scans",
        "author": "developer",
        "run_id": "manual__2026-01-01T00:00:00+00:00 한",
        "round": "1",
        "count": "200",
        "digest": ref["digest"],
    }


def test_only_what_is_new_is_taken_and_nothing_new_is_no_round(world: Any, rows: Any) -> None:
    world.to_version("r1")
    again = world.collect("r2")
    assert again["count"] == 0 and again["branch"] is None and not again["new"]
    assert not world.dev.has(rounds.branch_name("r2", "sql:scans"))
    world.insert(rows(200, 30))
    ref = world.collect("r3")
    assert (ref["round"], ref["count"]) == (2, 30)
    keys = items.read(world.dev, ref["branch"], rounds.items_path(2), ["key"])["key"].to_pylist()
    assert keys == [str(n) for n in range(201, 231)]


def test_the_same_run_gets_the_same_round(world: Any, rows: Any) -> None:
    first = world.collect()
    world.insert(rows(200, 30))
    assert world.collect() == {**first, "new": False}
    world.check(first)
    assert world.collect() == {**first, "new": False}
    merged = world.merge(first)
    again = world.collect()
    assert (again["round"], again["count"], again["commit"], again["branch"]) == (1, 200, merged["commit"], None)
    assert world.merge(again) == {**merged, "new": False} and world.check(again)["ok"]


def test_a_run_that_died_before_its_commit_begins_again(world: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("include.data.collect.save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.collect()
    assert list(world.dev.list(rounds.branch_name("r1", "sql:scans"), "rounds/")) == ["rounds/000001/items.parquet"]
    world.insert(rows(200, 30))
    ref = world.collect()
    assert ref["count"] == 230 and ref["new"]
    assert world.to_version("r1")["count"] == 230


def test_pages_of_the_source_join(world: Any) -> None:
    whole = world.collect("r1")
    spec = world.project.data.source.model_copy(update={"fetch_rows": 7})
    world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"source": spec})})
    assert world.collect("r2")["digest"] == whole["digest"]


@pytest.mark.parametrize(
    ("sql", "field", "value", "says"),
    [
        (None, "table", "photos", "there is no such table"),
        (None, "content", "picture", "no column picture; it has id, pixels"),
        (None, "key", "nr", "no column nr"),
        ("UPDATE scans SET scanned_at = 'gestern' WHERE id = 7", None, None, "key 7: 'gestern' is no time"),
        (None, "key", "digit", "occurs twice"),
        (None, "key", "pixels", "the key has the type bytes"),
    ],
)
def test_a_source_that_is_not_as_described(world: Any, sql: str | None, field: str | None, value: str, says: str) -> None:
    if sql:
        with sqlite3.connect(world.source) as connection:
            connection.execute(sql)
    if field:
        spec = world.project.data.source.model_copy(update={field: value})
        world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"source": spec})})
    with pytest.raises(data.SourceError, match=says):
        world.collect()
    assert rounds.numbers(world.dev) == []


def test_a_source_that_went_back_is_told(world: Any) -> None:
    world.to_version()
    with sqlite3.connect(world.source) as connection:
        connection.execute("DELETE FROM scans WHERE id > 100")
    with pytest.raises(data.SourceError, match="greatest key 100 lies below 200"):
        world.collect("r2")
    with sqlite3.connect(world.source) as connection:
        connection.execute("DELETE FROM scans")
    assert world.collect("r3")["count"] == 0


def test_addresses_of_the_source_never_show_a_password(world: Any) -> None:
    for url in ("postgresql+nothing://u:geheim@h/d", "u:geheim@@://"):
        world.settings = world.settings.model_copy(update={"source_url": type(world.settings.source_url)(url)})
        with pytest.raises(data.SourceError, match="DEVMLOPS_SOURCE_URL") as caught:
            world.collect()
        assert "geheim" not in str(caught.value) and caught.value.__cause__ is None
    world.settings = world.settings.model_copy(update={"source_url": type(world.settings.source_url)("")})
    with pytest.raises(data.SourceError, match="no database is named"):
        world.collect()


def test_a_database_that_does_not_open(world: Any) -> None:
    world.settings = world.settings.model_copy(
        update={"source_url": type(world.settings.source_url)("sqlite:////nowhere/at/all.db")}
    )
    with pytest.raises(data.SourceUnavailable, match="sqlite says"):
        world.collect()


def test_an_empty_run_id_is_refused(world: Any) -> None:
    with pytest.raises(data.ReferenceFault, match="run id"):
        world.collect("")


def test_ops_is_closed_to_a_process_with_the_dev_credential(world: Any) -> None:
    from include.clients.lakefs import DataDenied

    with pytest.raises(DataDenied, match="DEVMLOPS_DATA_OPS_ACCESS_KEY"):
        data.collect_round(world.without("ops"), world.project, "ops", "r1", "developer")
    stolen = world.settings.model_copy(
        update={
            "data_ops_access_key": world.settings.data_dev_access_key,
            "data_ops_secret_key": world.settings.data_dev_secret_key,
        }
    )
    world.ops.ensure()
    with pytest.raises(DataDenied):
        data.collect_round(stolen, world.project, "ops", "r1", "developer")


def test_describing_a_round_that_is_not_there(world: Any) -> None:
    world.dev.ensure()
    with pytest.raises(data.ReferenceFault, match="no round 4"):
        rounds.describe(world.dev, "main", 4)
    with pytest.raises(DataNotFound):
        rounds.describe(world.dev, "nowhere", 4)
