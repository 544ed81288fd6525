"""Restoring: the same bytes in any folder, or no folder at all."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include import data
from include.data import folder, items
from include.data.recipes import PARTS
from include.projects.split import Split

pytestmark = pytest.mark.integration


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_a_restored_split_is_the_split_to_the_bit(world: Any, rows: Any, tmp_path: Path) -> None:
    ref = world.split(world.to_version("r1"))
    first = data.restore_split(world.settings, world.project, ref, tmp_path / "하나")
    world.insert(rows(200, 50))
    world.split(world.to_version("r2"))
    (tmp_path / "둘").mkdir()
    second = data.restore_split(world.settings, world.project, ref, tmp_path / "둘")
    assert tree(tmp_path / "하나") == tree(tmp_path / "둘") and first["digest"] == second["digest"]
    assert first["counts"] == ref["counts"]
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "하나", capture_output=True).returncode == 0
    raw = (tmp_path / "하나" / "split.json").read_bytes()
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == ref["split_digest"]
    keys = {row[1]: str(row[0]) for row in rows(0, 200)}
    for part in PARTS:
        loaded = world.load(ref, part)
        contents = np.load(tmp_path / "하나" / part / "contents.npy", allow_pickle=False)
        lines = [json.loads(line) for line in (tmp_path / "하나" / part / "items.jsonl").read_text().splitlines()]
        assert np.array_equal(contents, loaded.contents) and contents.dtype == loaded.contents.dtype
        assert [line["item_id"] for line in lines] == loaded.item_ids
        assert [line["key"] for line in lines] == [keys[one.tobytes()] for one in contents]
        assert [world.project.classes.index(line["label"]) for line in lines] == loaded.labels.tolist()
        assert lines[0]["taken_at"].startswith("2026-01-05T00:") and lines[0]["group"] is None


def test_a_restored_version_is_the_version_to_the_bit(world: Any, rows: Any, tmp_path: Path) -> None:
    first = world.to_version("r1")
    one = data.restore_version(world.settings, world.project, first, tmp_path / "하나")
    world.insert(rows(200, 50))
    world.to_version("r2")
    again = data.version(world.settings, world.project, "dev", "v1")
    other = data.restore_version(world.settings, world.project, again, tmp_path / ("길" * 80))
    assert tree(tmp_path / "하나") == tree(tmp_path / ("길" * 80)) and one["digest"] == other["digest"]
    assert (one["version"], one["count"]) == ("v1", 200)
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "하나", capture_output=True).returncode == 0
    assert (tmp_path / "하나" / "version.json").read_bytes() == world.dev.get("v1", "versions/v1.json")
    contents = np.load(tmp_path / "하나" / "items" / "contents.npy", allow_pickle=False)
    assert [row.tobytes() for row in contents] == [row[1] for row in rows(0, 200)] and contents.shape == (200, 8, 8)
    np.save(tmp_path / "same.npy", contents)
    assert (tmp_path / "same.npy").read_bytes() == (tmp_path / "하나" / "items" / "contents.npy").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "하나" / "items" / "items.jsonl").read_text().splitlines()]
    assert [(line["key"], line["label"]) for line in lines[:3]] == [("1", "0"), ("2", "1"), ("3", "2")]
    assert {line["round"] for line in lines} == {f"{world.dev.name}/000001"}


def test_a_rolled_back_version_and_a_bundle_restore_too(world: Any, rows: Any, tmp_path: Path) -> None:
    first = world.to_version("r1")
    world.insert(rows(200, 50))
    world.to_version("r2")
    back = data.roll_back(world.settings, world.project, "dev", "v1", "x", "developer", "wrong")
    for name, ref in (("first", first), ("back", back)):
        data.restore_version(world.settings, world.project, ref, tmp_path / name)
    assert tree(tmp_path / "first" / "items") == tree(tmp_path / "back" / "items")
    part = {"version": "v2", "filter": {"classes": ["7"], "sample": {"n": 9}}}
    bundle = data.make_bundle(world.settings, world.project, "b", "developer", [part], zone="dev")
    assert data.restore_version(world.settings, world.project, bundle, tmp_path / "bundle")["count"] == 9
    assert np.load(tmp_path / "bundle" / "items" / "contents.npy").shape == (9, 8, 8)


@pytest.mark.parametrize(
    ("what", "said"),
    [({"digest": "sha256:" + "0" * 64}, "wanted sha256:000"), ({"count": 199}, "its pieces are not|199 were written down")],
)
def test_a_version_that_is_not_what_it_was(world: Any, tmp_path: Path, what: dict[str, Any], said: str) -> None:
    from include.data import pieces, versions

    ref = world.to_version()
    document = versions.document(world.dev, "v1", "v1")
    document["pieces"][0] |= what
    document |= {"digest": pieces.digest(document["pieces"]), "count": document["pieces"][0]["count"]}
    world.dev.branch("forged", ref["commit"])
    world.dev.put("forged", "versions/v1.json", items.dump(document))
    forged = {**ref, "commit": world.dev.commit("forged", "forged", {})}
    with pytest.raises(data.IntegrityError, match=said):
        data.restore_version(world.settings, world.project, forged, tmp_path / "folder")
    assert not (tmp_path / "folder").exists() and not list(tmp_path.glob(".folder*"))


def test_a_version_of_another_project(world: Any, tmp_path: Path) -> None:
    ref = world.to_version()
    with pytest.raises(data.ReferenceFault, match="is no version of"):
        data.restore_version(world.settings, world.project, {**ref, "repository": "other-dev"}, tmp_path / "folder")


def test_a_disk_that_is_full_leaves_nothing(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.to_version()
    monkeypatch.setattr(folder, "_more", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        data.restore_version(world.settings, world.project, ref, tmp_path / "place" / "folder")
    assert list((tmp_path / "place").iterdir()) == []


def test_the_folds_or_one_of_them(world: Any, tmp_path: Path) -> None:
    world.project = world.project.model_copy(update={"split": Split(method="kfold", folds=3, test=0.2)})
    ref = world.split(world.to_version())
    whole = data.restore_split(world.settings, world.project, ref, tmp_path / "all")
    assert list(whole["counts"]) == ["1", "2", "3", "test"] and sum(whole["counts"].values()) == 200
    one = data.restore_split(world.settings, world.project, ref, tmp_path / "second", fold="2")
    assert list(one["counts"]) == list(PARTS) and one["counts"]["validation"] == whole["counts"]["2"]


def test_what_is_there_is_never_written_over(world: Any, tmp_path: Path) -> None:
    ref = world.split(world.to_version())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(data.ReferenceFault, match="not an empty folder"):
            data.restore_split(world.settings, world.project, ref, tmp_path / name)
    assert (tmp_path / "file").read_text() == (tmp_path / "full" / "mine").read_text() == "mine"


def test_a_restore_that_breaks_leaves_nothing(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.split(world.to_version())
    place = tmp_path / "place"
    monkeypatch.setattr(folder, "_sha256", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        data.restore_split(world.settings, world.project, ref, place / "folder")
    assert list(place.iterdir()) == []


def test_a_leakage_report_that_is_not_of_these_items(world: Any, tmp_path: Path) -> None:
    ref = world.split(world.to_version())
    document = data.split_document(world.settings, ref)
    document["leakage"]["checks"][0]["value"] = 1
    digest = items.digest(document)
    world.dev.branch("forged", ref["commit"])
    world.dev.put("forged", "splits/forged.json", items.dump(document))
    commit = world.dev.commit("forged", "forged", {})
    forged = {**ref, "commit": commit, "split_path": "splits/forged.json", "split_digest": digest}
    with pytest.raises(data.IntegrityError, match="groups or times"):
        data.restore_split(world.settings, world.project, forged, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
