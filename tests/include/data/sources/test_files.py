"""Rounds from files: what is new by path, size and time; every format; hostile names and broken contents."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import data
from include.data import items, rounds

pytestmark = pytest.mark.integration

JSONL = {"format": "jsonl", "key": "id", "content": "pixels", "label": "digit", "taken_at": "at"}


def lines(path: Path, records: Any, mode: str = "w") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "받은 파일"
    folder.mkdir()
    return folder


def test_only_new_files_are_taken(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), glob="**/*.jsonl", **JSONL)
    lines(drop / "하나 📦.jsonl", (record(n) for n in range(20)))
    lines(drop / "notes.txt", [{"no": "item"}])
    first = using.merged("r1")
    assert (first["count"], using.keys(first)[0]) == (20, "하나 📦.jsonl#0")
    assert world.collect("r2")["count"] == 0
    lines(drop / "a" / "b" / "둘.jsonl", (record(n) for n in range(20, 50)))
    second = using.merged("r3")
    assert (second["round"], second["count"]) == (2, 30) and len(set(using.all_keys())) == 50
    described = using.described(second)
    assert described["high_water_marks"] == {f"files:{drop}": {"type": "files", "rounds": [1, 2]}}
    seen = pq.read_table(io.BytesIO(world.dev.get("main", "rounds/000002/files.parquet")))
    assert seen["path"].to_pylist() == ["a/b/둘.jsonl"]
    assert world.tag(second)["count"] == 50


def test_of_a_file_that_grew_only_the_new_rows_are_taken(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "a#1.jsonl", (record(n) for n in range(20)))
    lines(drop / "a.jsonl", (record(n) for n in range(20)))
    using.limits(max_duplicates=0.5)
    using.merged("r1")
    lines(drop / "a#1.jsonl", (record(n) for n in range(20, 32)), "a")
    ref = world.collect("r2")
    assert using.keys(ref) == [f"a#1.jsonl#{n}" for n in range(20, 32)]
    assert using.described(ref)["findings"]["repeated"] == 20
    os.utime(drop / "a.jsonl", ns=(1, 1))
    world.check(ref) and world.merge(ref)
    assert world.collect("r3")["count"] == 0


def test_csv_with_a_column_a_number_and_korean(using: Any, drop: Path, picture: Any) -> None:
    names = [f"p{n}" for n in range(64)]
    world = using(
        kind="files",
        url=str(drop),
        format="csv",
        charset="cp949",
        delimiter=";",
        content=names,
        label="답",
        key="열쇠",
        group="@folder",
    )
    (drop / "병원").mkdir()
    with (drop / "병원" / "표.csv").open("w", encoding="cp949", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["열쇠", *names, "답"])
        out.writerows([f"가{n}", *picture(n).ravel().tolist(), n % 10] for n in range(20))
    ref = world.collect()
    world.check(ref)
    assert using.keys(ref)[3] == "병원/표.csv#가3"
    table = items.read(world.dev, ref["branch"], rounds.items_path(1), ["content", "label", "group"])
    assert table["content"][3].as_py() == picture(3).tobytes() and table["label"][3].as_py() == "3"
    assert set(table["group"].to_pylist()) == {"병원"}


def test_parquet(using: Any, drop: Path, picture: Any) -> None:
    world = using(kind="files", url=str(drop), format="parquet", content="x.raw", decode="bytes", label="y")
    rows = [{"raw": picture(n).tobytes(), "size": 64} for n in range(1500)]
    pq.write_table(pa.table({"x": rows, "y": [n % 10 for n in range(1500)], "extra": [0.5] * 1500}), drop / "a.parquet")
    ref = world.collect()
    assert ref["count"] == 1500 and world.check(ref)["ok"] and using.keys(ref)[-1] == "a.parquet#1500"
    columns = {"x": ["object"], "y": ["number"], "extra": ["number"]}
    assert using.described(ref)["findings"]["columns"] == columns


@pytest.mark.parametrize("form", ["npy", "raw", "image"])
def test_one_item_a_file(using: Any, drop: Path, picture: Any, form: str) -> None:
    from PIL import Image

    world = using(kind="files", url=str(drop), format=form, glob="**/*.*", label="@folder", taken_at="@modified")
    for n in range(20):
        path = drop / str(n % 10) / f"사진 {n}.x"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            if form == "npy":
                np.save(file, picture(n).astype("float64"))
            elif form == "raw":
                file.write(picture(n).tobytes())
            else:
                Image.fromarray(picture(n)).save(file, "png")
    ref = using.merged("r1")
    assert ref["count"] == 20 and ref["labels"] == {str(n): 2 for n in range(10)}
    assert using.keys(ref)[0] == "0/사진 0.x"
    assert world.collect("r2")["count"] == 0


def test_bad_rows_are_listed_and_stop_the_merge_unless_allowed(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    good = [record(n) for n in range(92)]
    bad: list[Any] = [
        record(100, pixels=[1, 2, 3]),
        record(101, pixels=[300] * 64),
        record(102, pixels=[[1, 2], [3]]),
        record(103, pixels="x" * 10_000_000),
        record(104, at="gestern"),
        ["no object"],
        record(106, id="\ud800"),
    ]
    with (drop / "a.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in good + bad)
        file.write('{"torn": ')
    ref = world.collect()
    assert ref["count"] == 92
    with pytest.raises(data.DataCheckError, match=r"bad_rows is 0\.08, wanted <= 0\.0") as caught:
        world.check(ref)
    (failed,) = [check for check in caught.value.report["checks"] if not check["ok"]]
    assert failed["examples"][0] == "a.jsonl, row 93: the content has the shape [3], wanted [8, 8]"
    assert rounds.numbers(world.dev) == []
    using.limits(max_bad_rows=0.1)
    report = world.check(world.collect("r2"))
    assert next(check for check in report["checks"] if check["name"] == "bad_rows")["warnings"] == failed["examples"]


def test_files_that_are_none(using: Any, drop: Path, picture: Any, tmp_path: Path) -> None:
    world = using(kind="files", url=str(drop), format="npy")
    using.limits(max_bad_rows=1.0, max_missing_labels=1.0, min_rows_per_class=0, max_duplicates=0.1)
    for n in range(20):
        np.save(drop / f"{n}.npy", picture(n))
    np.save(drop / "pickle.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (drop / "cut.npy").write_bytes((drop / "1.npy").read_bytes()[:100])
    (drop / "empty.npy").touch()
    (drop / "huge.npy").write_bytes(bytes(10_000_000))
    np.save(drop / "nan.npy", np.full((8, 8), np.nan))
    secret = tmp_path / "secret.npy"
    np.save(secret, picture(99))
    (drop / "link.npy").symlink_to(secret)
    (drop / "nowhere.npy").symlink_to(tmp_path / "nothing")
    (drop / "folder.npy").mkdir()
    (drop / "loop").symlink_to(drop)
    os.mkfifo(drop / "pipe.npy")
    Path(os.fsdecode(os.fsencode(drop) + b"/\xff\xfe.npy")).write_bytes(secret.read_bytes())
    (drop / ("n" * 251 + ".npy")).write_bytes((drop / "2.npy").read_bytes())
    (drop / "-rf ;$(x)\n'\".npy").write_bytes((drop / "3.npy").read_bytes())
    ref = world.collect()
    report = world.check(ref)
    assert ref["count"] == 23, report  # 20, the two odd names and the one that is no UTF-8
    assert any(key.startswith("\\xff") for key in using.keys(ref)) and not any("link" in key for key in using.keys(ref))
    assert using.described(ref)["findings"]["bad"] == 9
    world.merge(ref)
    assert world.collect("r2")["count"] == 0


def test_images_that_are_none(using: Any, drop: Path, picture: Any) -> None:
    from PIL import Image

    world = using(kind="files", url=str(drop), format="image")
    Image.new("L", (9000, 9000)).save(drop / "big.png")
    (drop / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    with pytest.raises(data.SourceError, match=r"none of its 2 new rows is an item .*big.png: it is 9000 x 9000 pixels"):
        world.collect()
    assert not list(world.dev.list("main")) and not world.dev.has(rounds.branch_name("r1", f"files:{drop}"))


def test_drift_is_told_before_anything_is_merged(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "1.jsonl", (record(n, site="a", old=1) for n in range(20)))
    using.merged("r1")
    lines(drop / "2.jsonl", ({**record(n, site=7, 새것=True), "digit": str(n % 10)} for n in range(20, 40)))
    ref = world.collect("r2")
    with pytest.raises(data.DataCheckError, match=r"source_types is 1, .*digit: number before, text now") as caught:
        world.check(ref)
    checks = {check["name"]: check for check in caught.value.report["checks"]}
    assert checks["source_columns"]["ok"]
    assert checks["source_columns"]["warnings"] == ["new: 새것", "gone: old", "changed: site: text before, number now"]
    using.limits(allow_changed_types=True)
    assert world.merge(_checked(world, world.collect("r3")))["round"] == 2
    lines(drop / "3.jsonl", ({k: v for k, v in record(n).items() if k != "digit"} for n in range(40, 60)))
    using.limits(max_missing_labels=1.0, min_rows_per_class=0)
    with pytest.raises(data.DataCheckError, match=r"source_columns is 1, wanted 0 needed fields missing .*digit"):
        world.check(world.collect("r4"))
    assert rounds.numbers(world.dev) == [1, 2]


def _checked(world: Any, ref: dict[str, Any]) -> dict[str, Any]:
    world.check(ref)
    return ref


def test_a_csv_without_a_needed_column(using: Any, drop: Path) -> None:
    world = using(kind="files", url=str(drop), format="csv", content="pixels", label="digit")
    rows = "".join(f'"{[n] * 64}",{n % 10}\n' for n in range(17))
    (drop / "1.csv").write_text("\ufeffpixels,digit\n" + rows)
    (drop / "2.csv").write_text("image,digit\n" + rows)
    using.limits(max_bad_rows=1.0, max_duplicates=1.0)
    ref = world.collect()
    with pytest.raises(data.DataCheckError, match=r"source_columns is 1, .*pixels \(2.csv\)"):
        world.check(ref)


def test_csv_rows_that_are_broken(using: Any, drop: Path) -> None:
    world = using(kind="files", url=str(drop), format="csv", content="pixels", label="digit")
    row = b'"' + str([3] * 64).encode() + b'",'
    bad = [row + b"\xff\n", row + b"3,4,5\n\n", row + "셋\n".encode(), b'"never closed\n' * 3]
    (drop / "1.csv").write_bytes(b"pixels,digit\n" + (row + b"3\n") * 12 + b"".join(bad))
    ref = world.collect()
    assert ref["labels"] == {"3": 12, "셋": 1}
    assert [one.partition(": ")[0] for one in using.described(ref)["findings"]["examples"]] == [
        "1.csv, row 13",
        "1.csv, row 14",
        "1.csv, row 16 and all behind it",
    ]


def test_a_file_that_is_still_being_written_waits(using: Any, drop: Path, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = using(kind="files", url=str(drop), settle_s=30, **JSONL)
    lines(drop / "a.jsonl", (record(n) for n in range(20)))
    assert world.collect("r1")["count"] == 0
    os.utime(drop / "a.jsonl", (time.time() - 60,) * 2)
    assert world.collect("r2")["count"] == 20
    world = using.change(settle_s=0)
    from include.data.sources.formats import FileReader

    real = FileReader.items

    def growing(self: Any, *args: Any) -> Any:
        yield from real(self, *args)
        lines(drop / "a.jsonl", [record(21)], "a")

    monkeypatch.setattr(FileReader, "items", growing)
    with pytest.raises(data.SourceUnavailable, match=r"a.jsonl' changed while it was read"):
        world.collect("r3")
    assert not world.dev.has(rounds.branch_name("r3", f"files:{drop}"))


def test_folders_that_cannot_be(using: Any, drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = using(kind="files", url=str(drop / "nowhere"), **JSONL)
    with pytest.raises(data.SourceError, match="no such folder"):
        world.collect()
    world = using.change(url="telepathy://bucket/in")
    with pytest.raises(data.SourceError, match="cannot be opened"):
        world.collect()
    world = using.change(url="memory://in", options_env="STORE_OPTIONS")
    monkeypatch.setenv("STORE_OPTIONS", '["geheim"]')
    with pytest.raises(data.SourceError, match="STORE_OPTIONS holds no JSON object") as caught:
        world.collect()
    assert "geheim" not in str(caught.value)


def test_an_object_store(using: Any, record: Any) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    world = using(kind="files", url="memory://통/in", glob="*.jsonl", **JSONL)
    try:
        for place in range(2):
            content = "".join(json.dumps(record(n)) + "\n" for n in range(place * 20, place * 20 + 20))
            store.pipe_file(f"/통/in/{place}.jsonl", content.encode())
            ref = using.merged(f"r{place}")
            assert (ref["count"], using.keys(ref)[0]) == (20, f"{place}.jsonl#{place * 20}")
        assert world.collect("r9")["count"] == 0
    finally:
        store.rm("/통", recursive=True)


def test_two_collections_at_once_take_nothing_twice(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "a.jsonl", (record(n) for n in range(20)))
    one = world.collect("r1")
    lines(drop / "b.jsonl", (record(n) for n in range(20, 40)))
    other = world.collect("r2")
    world.check(one), world.check(other)
    world.merge(other)
    assert world.merge(one)["count"] == 0
    assert sorted(using.all_keys()) == sorted([f"{'a' if n < 20 else 'b'}.jsonl#{n}" for n in range(40)])


def test_a_run_that_died_begins_again(using: Any, drop: Path, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "a.jsonl", (record(n) for n in range(20)))
    with monkeypatch.context() as broken:
        broken.setattr("include.data.collect.save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.collect()
    lines(drop / "b.jsonl", (record(n) for n in range(20, 40)))
    assert using.merged("r1")["count"] == 40 and world.collect("r2")["count"] == 0


def test_keys_that_occur_twice_do_not_pass(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "1.jsonl", [record(n) for n in range(20)] + [record(3)])
    using.limits(max_duplicates=1.0)
    with pytest.raises(data.DataCheckError, match=r"repeated_keys is 1"):
        world.check(world.collect())
    assert rounds.numbers(world.dev) == []


def test_clocks_that_go_back(using: Any, drop: Path, record: Any) -> None:
    world = using(kind="files", url=str(drop), **JSONL)
    lines(drop / "1.jsonl", [record(n) for n in range(20)])
    using.merged("r1")
    os.utime(drop / "1.jsonl", (0, 0))  # changed, as far as anyone can tell
    assert world.collect("r2")["count"] == 0
    lines(drop / "2.jsonl", [record(n) for n in range(20, 40)])
    os.utime(drop / "2.jsonl", (1, 1))  # new, and older than what was taken
    assert using.merged("r3")["count"] == 20 and len(using.all_keys()) == 40
