"""Files of every kind of content through a whole round: whole ones are items, others are named and left out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from include import data
from include.data import forms, items, rounds
from include.projects.content import Content
from tests.fixtures.media import image, sound, video

pytestmark = pytest.mark.integration


@pytest.fixture
def taking(using: Any, world: Any, tmp_path: Path) -> Any:
    """Return a function that lets the world's project take contents of a kind from the folder ``in``, which it returns."""
    folder = tmp_path / "in"
    folder.mkdir()

    def take(of: dict[str, Any], **source: Any) -> Path:
        form = TypeAdapter(Content).validate_python(of)
        world.project = world.project.model_copy(update={"data": world.project.data.model_copy(update={"content": form})})
        using(**{"kind": "files", "url": str(folder), **source})
        using.limits(max_bad_rows=1.0, max_missing_labels=1.0, min_rows_per_class=0, min_rows=1)
        return folder

    return take


def bad(using: Any, ref: dict[str, Any]) -> list[str]:
    return using.described(ref)["findings"]["examples"]


@pytest.mark.parametrize(
    ("kind", "suffix", "makers", "wrong"),
    [
        ("image", "png", [lambda: image(), lambda: image(size=(64, 64))], b"\x89PNG\r\n\x1a\n" + bytes(60)),
        ("audio", "wav", [lambda: sound(), lambda: sound(seconds=1)], b"RIFF\x00\x10\x00\x00WAVEfmt "),
        ("video", "mp4", [lambda: video(), lambda: video(seconds=1)], b"\x00\x00\x00\x20ftypisom" + bytes(60)),
    ],
)
def test_files_are_kept_as_they_came(
    taking: Any, using: Any, world: Any, kind: str, suffix: str, makers: Any, wrong: bytes, tmp_path: Path
) -> None:
    folder = taking({"kind": kind}, format=kind, label="@folder")
    (folder / "3").mkdir()
    contents = {f"3/사진 {place} 🙂.{suffix}": make() for place, make in enumerate(makers)}
    long = f"3/{'긴' * 80}{'n' * 10}.{suffix}"  # 255 bytes are all that a file system takes
    contents[long] = makers[0]() + b"\x00" if kind != "video" else video(rate=5)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / f"damaged.{suffix}").write_bytes(wrong)
    (folder / f"half.{suffix}").write_bytes(makers[0]()[:200])
    (folder / f"empty.{suffix}").touch()
    (folder / f"text.{suffix}").write_text("이것은 글이다" * 50)
    secret = tmp_path / f"secret.{suffix}"
    secret.write_bytes(makers[0]())
    (folder / f"link.{suffix}").symlink_to(secret)
    ref = using.merged("r1")
    table = items.read(world.dev, "main", rounds.items_path(1), ["key", "content", "label"]).to_pydict()
    assert dict(zip(table["key"], table["content"], strict=True)) == contents and set(table["label"]) == {"3"}
    found = using.described(ref)["findings"]
    assert found["bad"] == 5 and any("link to something outside" in said for said in found["examples"])
    assert world.collect("r2")["count"] == 0


def test_pictures_of_a_video_are_items(taking: Any, using: Any, world: Any) -> None:
    folder = taking({"kind": "image"}, format="video", frame_every_s=0.5, label="@folder", glob="**/*.mp4")
    (folder / "1").mkdir()
    (folder / "1" / "길.mp4").write_bytes(video(seconds=2))
    (folder / "1" / "half.mp4").write_bytes(video()[:1000])
    ref = using.merged("r1")
    assert using.keys(ref) == [f"1/길.mp4#t={n / 2:.3f}" for n in range(4)] and "1/half.mp4: " in bad(using, ref)[0]
    contents = items.read(world.dev, "main", rounds.items_path(1), ["content"])["content"].to_pylist()
    assert all(forms.check(one, world.project.data.content) is None for one in contents)
    assert world.collect("r2")["count"] == 0


def test_pictures_of_a_video_that_are_too_large(taking: Any, using: Any, world: Any) -> None:
    folder = taking({"kind": "image", "max_side": 32}, format="video", frame_every_s=1)
    (folder / "a.mp4").write_bytes(video())
    with pytest.raises(data.SourceError, match=r"none of its 3 new rows is an item .*a.mp4#t=0.000: it is 64 x 48 pixels"):
        world.collect()


def test_texts(taking: Any, using: Any, world: Any) -> None:
    folder = taking({"kind": "text", "max_chars": 100}, format="text", charset="cp949")
    good = {"하나.txt": "한국어 글", "two.txt": "English", "같은 글.txt": "x" * 100}
    for name, said in good.items():
        (folder / name).write_bytes(said.encode("cp949"))
    (folder / "utf8.txt").write_bytes("🙂".encode())
    (folder / "nul.txt").write_bytes(b"a\x00b")
    (folder / "long.txt").write_bytes(b"x" * 101)
    (folder / "ten megabytes.txt").write_bytes(b"x" * 10_000_000)
    (folder / "empty.txt").touch()
    using.merged("r1")
    table = items.read(world.dev, "main", rounds.items_path(1), ["key", "content"]).to_pydict()
    assert {key: one.decode() for key, one in zip(table["key"], table["content"], strict=True)} == good
    assert rounds.describe(world.dev, "main", 1)["findings"]["bad"] == 5


def test_a_byte_order_mark_is_no_text(taking: Any, using: Any, world: Any) -> None:
    folder = taking({"kind": "text"}, format="text")
    (folder / "a.txt").write_bytes("\ufeff글".encode())
    ref = using.merged("r1")
    assert items.read(world.dev, ref["commit"], rounds.items_path(1), ["content"])["content"].to_pylist() == ["글".encode()]


TABLE = {
    "kind": "table",
    "columns": {
        "나이": {"type": "integer", "max_missing": 1.0},
        "score": {"type": "number", "max_missing": 1.0},
        "note": {"type": "text"},
    },
}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_of_a_table(taking: Any, using: Any, world: Any, form: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = taking(TABLE, format=form, key="id", label="digit")
    rows: list[dict[str, Any]] = [
        {"id": n, "나이": n, "score": n / 2, "note": '쉼표, "따옴표"\n🙂', "digit": str(n % 10)} for n in range(1, 13)
    ]
    rows[3] |= {"나이": None, "score": None}
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "행.parquet")
    elif form == "jsonl":
        (folder / "행.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        wrong = [
            '{"id": 90, "나이": "열", "note": "a"}',
            '{"id": 91, "나이": 1.5, "note": "a"}',
            '{"id": 92, "score": Infinity, "note": ""}',
            '{"id": 93, "score": 1e999, "note": ""}',
            '{"id": 94, "note": {"a": 1}}',
            '{"id": 95, "note": "\\ud800"}',
        ]
        (folder / "틀린.jsonl").write_text("\n".join(wrong), encoding="utf-8")
    else:
        import csv

        with (folder / "행.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    ref = using.merged("r1")
    contents = items.read(world.dev, "main", rounds.items_path(1), ["content"])["content"].to_pylist()
    assert [forms.load_row(one) for one in contents] == [{name: row[name] for name in ("나이", "score", "note")} for row in rows]
    assert using.described(ref)["findings"]["bad"] == (6 if form == "jsonl" else 0)


def test_a_text_of_ten_megabytes_in_a_table_and_in_json(taking: Any, using: Any, world: Any) -> None:
    folder = taking({"kind": "text", "max_chars": 20_000_000}, format="jsonl", content="글")
    huge = "가" * 3_500_000
    (folder / "a.jsonl").write_text(
        "\n".join(json.dumps({"글": one}, ensure_ascii=False) for one in (huge, "짧은 글")), encoding="utf-8"
    )
    using.merged("r1")
    contents = items.read(world.dev, "main", rounds.items_path(1), ["content"])["content"].to_pylist()
    assert contents == [huge.encode(), "짧은 글".encode()]
    taking({"kind": "text", "max_chars": 100}, format="jsonl", content="글")
    (folder / "b.jsonl").write_text(json.dumps({"글": huge}), encoding="utf-8")
    with pytest.raises(data.SourceError, match="the text has 3500000 characters") as caught:
        world.collect("r2")
    assert len(str(caught.value)) < 2000


def test_names_of_300_characters_are_keys_of_records(using: Any, world: Any, record: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    keys = ["../../etc/passwd", "/etc/passwd", "a\x00b", "n" * 300, "한" * 300, "🙂" * 300, "a#b", " ", "'; DROP TABLE scans;--"]
    lines = [json.dumps({**record(n), "id": key}) for n, key in enumerate(keys)] + [json.dumps({**record(90), "id": "k" * 1001})]
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    using(kind="files", url=str(folder), format="jsonl", key="id", content="pixels", label="digit")
    using.limits(max_bad_rows=1.0, min_rows=1, min_rows_per_class=0)
    ref = using.merged("r1")
    assert using.keys(ref) == [f"a.jsonl#{key}" for key in keys] and "has 1001 characters" in bad(using, ref)[0]


def test_a_folder_that_vanishes_in_the_middle(taking: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = taking({"kind": "image"}, format="image")
    for n in range(3):
        (folder / f"{n}.png").write_bytes(image(size=(20 + n, 20)))
    from include.data.sources.formats import FileReader

    real = FileReader.items

    def vanishing(self: Any, store: Any, address: str, *rest: Any) -> Any:
        if address.endswith("1.png"):
            Path(address).unlink()
        return real(self, store, address, *rest)

    monkeypatch.setattr(FileReader, "items", vanishing)
    with pytest.raises(data.SourceUnavailable, match=r"1\.png"):
        world.collect()
    monkeypatch.undo()
    assert world.collect()["count"] == 2  # the same run begins again with what is there


def test_a_full_disk(taking: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = taking({"kind": "image"}, format="image")
    (folder / "a.png").write_bytes(image())
    import pyarrow.parquet as pq

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(OSError, match="No space left"):
            world.collect()
    assert rounds.numbers(world.dev) == [] and world.collect()["count"] == 1


def test_arrays_that_are_not_finite(using: Any, world: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, value in (("nan", np.nan), ("inf", np.inf), ("good", 1.0)):
        sink = io.BytesIO()
        np.save(sink, np.full((8, 8), value))
        (folder / f"{name}.npy").write_bytes(sink.getvalue())
    using(kind="files", url=str(folder), format="npy")
    using.limits(max_bad_rows=1.0, min_rows=1, min_rows_per_class=0, max_missing_labels=1.0)
    assert using.keys(using.merged("r1")) == ["good.npy"]
