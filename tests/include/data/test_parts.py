"""Splits stored and parts loaded: the same forever, and never silently changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import numpy as np
import pytest

from include import data
from include.clients.lakefs import DataRepository
from include.data import items, rounds
from include.data.errors import ReferenceFault
from include.data.split import PARTS

pytestmark = pytest.mark.integration


def test_parts_hold_every_item_once_with_its_content_and_label(world: Any, rows: Any) -> None:
    split = world.split(world.to_version())
    parts = {name: world.load(split, name) for name in PARTS}
    assert {name: len(part.item_ids) for name, part in parts.items()} == split["counts"]
    assert sum(split["counts"].values()) == 200 and abs(split["counts"]["test"] - 30) <= 10
    truth = {row[1]: row[2] for row in rows(0, 200)}
    seen = {}
    for part in parts.values():
        assert part.contents.shape == (len(part.item_ids), 8, 8) and part.contents.dtype == np.uint8
        assert part.labels.dtype == np.int64 and set(part.origins) == {""}
        seen.update({image.tobytes(): int(label) for image, label in zip(part.contents, part.labels, strict=True)})
    assert seen == truth


def test_the_split_lies_in_the_repository_with_its_digest(world: Any) -> None:
    version = world.to_version()
    split = world.split(version)
    raw = world.dev.get(split["commit"], split["split_path"])
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == split["split_digest"]
    assert split["split_path"] == f"splits/{split['split_digest'][7:]}.json"
    assert world.dev.get("main", split["split_path"]) == raw
    document = json.loads(raw)
    assert document["version"] == "v1" and document["pieces"][0]["split"]["algorithm"] == "hash-systematic-1"
    info = world.dev.commit_info(split["commit"])
    assert info.parents == [version["commit"]] and info.metadata["author"] == "developer" and info.metadata["digest"]


def test_the_same_split_comes_back_and_later_rounds_change_nothing(world: Any, rows: Any) -> None:
    version = world.to_version("r1")
    split = world.split(version)
    before = world.load(split)
    world.insert(rows(200, 100))
    later = world.split(world.to_version("r2"))
    assert world.split(version) == split
    after = world.load(split)
    assert after.item_ids == before.item_ids and np.array_equal(after.contents, before.contents)
    assert set(before.item_ids) <= set(world.load(later).item_ids)
    assert set(world.load(later, "train").item_ids).isdisjoint(before.item_ids)
    assert sum(later["counts"].values()) == 300


def test_another_seed_is_another_split(world: Any) -> None:
    version = world.to_version()
    first = world.split(version)
    world.project = world.project.model_copy(update={"split": world.project.split.model_copy(update={"seed": 99})})
    second = world.split(version)
    assert second["split_digest"] != first["split_digest"]
    assert world.load(first).item_ids != world.load(second).item_ids
    assert world.split(version) == second


def test_killed_before_the_split_was_merged(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = world.to_version()
    with monkeypatch.context() as broken:
        broken.setattr(DataRepository, "merge", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.split(version)
    assert not list(world.dev.list("main", "splits/"))
    split = world.split(version)
    assert len(list(world.dev.list("main", "splits/"))) == 1 and world.load(split).item_ids


def test_a_part_that_is_none(world: Any) -> None:
    split = world.split(world.to_version())
    with pytest.raises(data.ReferenceFault, match="no part 'exam'"):
        world.load(split, "exam")


def test_too_few_items_for_three_parts(world: Any) -> None:
    import sqlite3

    with sqlite3.connect(world.source) as connection:
        connection.execute("DELETE FROM scans WHERE id > 10")
    method = world.project.split.model_copy(
        update={"method": "random", "ratios": {"train": 0.98, "validation": 0.01, "test": 0.01}}
    )
    world.project = world.project.model_copy(update={"split": method})
    with pytest.raises(data.ReferenceFault, match="would be empty"):
        world.split(world.to_version())


def test_a_reference_with_another_digest_is_refused(world: Any) -> None:
    split = world.split(world.to_version())
    with pytest.raises(data.IntegrityError, match="its digest is"):
        world.load({**split, "split_digest": "sha256:" + "0" * 64})


def forged(world: Any, split: dict[str, Any], table: Any) -> dict[str, Any]:
    """Return a reference to a commit whose table was exchanged while the split stayed."""
    import io

    import pyarrow.parquet as pq

    raw = io.BytesIO()
    pq.write_table(table, raw)
    world.dev.branch("forged", split["commit"])
    world.dev.put("forged", rounds.items_path(1), raw.getvalue())
    commit = world.dev.commit("forged", "forged", {})
    document = data.split_document(world.settings, split)
    document["pieces"][0]["commit"] = commit
    path = "splits/forged.json"
    world.dev.put("forged", path, items.dump(document))
    commit = world.dev.commit("forged", "forged", {})
    return {**split, "commit": commit, "split_path": path, "split_digest": items.digest(document)}


def test_changed_data_is_refused(world: Any) -> None:
    import pyarrow as pa

    split = world.split(world.to_version())
    table = items.read(world.dev, "main", rounds.items_path(1), items.COLUMNS)
    labels = table["label"].to_pylist()

    relabelled = table.set_column(3, "label", pa.array(["9" if label == "1" else label for label in labels]))
    with pytest.raises(data.IntegrityError, match="item ids or labels"):
        world.load(forged(world, split, relabelled))
    with pytest.raises(data.IntegrityError, match="item ids or labels"):
        world.load(forged(world, split, table.slice(1)))

    contents = pa.array([b"\1" * 64] * 200, pa.large_binary())
    with pytest.raises(data.IntegrityError, match="not the one its id says"):
        world.load(forged(world, split, table.set_column(2, "content", contents)))
    with pytest.raises(data.IntegrityError, match="columns are"):
        world.load(forged(world, split, table.drop_columns(["key"])))
    assert world.load(forged(world, split, table)).item_ids == world.load(split).item_ids


def test_a_class_that_was_taken_out(world: Any) -> None:
    split = world.split(world.to_version())
    world.project = world.project.model_copy(update={"classes": ["0", "1"]})
    with pytest.raises(data.IntegrityError, match="are no classes"):
        world.load(split)


def test_a_deleted_version_is_told_and_what_was_split_from_it_still_loads(world: Any, data_server: Any) -> None:
    split = world.split(world.to_version())
    place = f"{data_server.url}/api/v1/repositories/{split['repository']}/tags/v1"
    httpx.delete(place, auth=data_server.admin, trust_env=False).raise_for_status()
    with pytest.raises(ReferenceFault, match=r"there is no version 'v1'.*Versions there: none"):
        data.version(world.settings, world.project, "dev", "v1")
    with pytest.raises(ReferenceFault, match="there is no version yet"):
        data.latest_version(world.settings, world.project, "dev")
    assert len(world.load(split).item_ids) == split["counts"]["test"]
