"""Items as files of a folder: bit for bit, whatever kind they are of, and nothing that is not what its id says."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.data import folder, forms, items
from include.data.errors import IntegrityError, ReferenceFault
from include.data.items import Item
from include.projects.content import ArrayContent, Column, ImageContent, TableContent, TextContent
from include.projects.shelf_photos.source import picture

ARRAY = ArrayContent(dtype="float32", shape=[2], range=(0, 9))
ROWS = TableContent(kind="table", columns={"이름": Column(type="text"), "n": Column(type="integer")})
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def table(path: Path, form: Any, *contents: bytes) -> pa.Table:
    """Return contents as the table of a round: keys that no file name could be, one label, one time."""
    found = [Item(f"../k {n}/\x01😀", one, None if n else "개", AT if n else None, "x") for n, one in enumerate(contents)]
    items.write(path, found, form, grouped=True)
    import pyarrow.parquet as pq

    return pq.read_table(path)


def written(tmp_path: Path, form: Any, *contents: bytes) -> tuple[Path, list[dict[str, Any]]]:
    given = table(tmp_path / "t.parquet", form, *contents)
    halves = [({"round": "r/1", "origin": ""}, given.slice(0, 1)), ({"round": "r/2", "origin": "new"}, given.slice(1))]
    count = folder.write_items(tmp_path / "out", halves, SimpleNamespace(data=SimpleNamespace(content=form)), "here")
    lines = [json.loads(line) for line in (tmp_path / "out" / folder.LINES).read_text(encoding="utf-8").splitlines()]
    assert count == len(lines) == len(contents) and [line["item_id"] for line in lines] == items.item_ids(contents, form)
    return tmp_path / "out", lines


def test_arrays_lie_together(tmp_path: Path) -> None:
    contents = [np.array([n, n / 2], dtype="float32").tobytes() for n in range(3)]
    out, lines = written(tmp_path, ARRAY, *contents)
    found = np.load(out / "contents.npy", allow_pickle=False)
    assert found.dtype == np.float32 and found.tolist() == [[0, 0], [1, 0.5], [2, 1]]
    assert lines[0] == {
        "item_id": items.item_id(contents[0], ARRAY), "key": "../k 0/\x01😀", "label": "개", "taken_at": None, "source": "x",
        "group": None, "round": "r/1", "origin": "",
    }  # fmt: skip
    assert lines[2]["taken_at"] == "2026-01-05T09:00:00.000000+00:00" and lines[2]["round"] == "r/2"
    np.save(tmp_path / "same.npy", found)
    assert (tmp_path / "same.npy").read_bytes() == (out / "contents.npy").read_bytes()


def test_texts_and_rows_stand_in_the_lines(tmp_path: Path) -> None:
    _, lines = written(tmp_path, TextContent(kind="text"), "가\n나 😀".encode(), b"b")
    assert [line["content"] for line in lines] == ["가\n나 😀", "b"]
    (tmp_path / "rows").mkdir()
    _, lines = written(tmp_path / "rows", ROWS, *(forms.dump_row(row, ROWS) for row in ({"이름": "a\n", "n": 2**62}, {})))
    assert [line["content"] for line in lines] == [{"이름": "a\n", "n": 2**62}, {"이름": None, "n": None}]


def test_files_are_named_by_their_id_alone(tmp_path: Path) -> None:
    import io

    kinds = {"png": ".png", "jpeg": ".jpg", "gif": ".gif"}
    contents = []
    for kind in kinds:
        sink = io.BytesIO()
        picture(len(contents))[0].save(sink, kind)
        contents.append(sink.getvalue())
    form = ImageContent(kind="image", formats=["png", "jpeg", "gif"])
    out, lines = written(tmp_path, form, *contents, b"no known begin")
    for line, content, suffix in zip(lines, [*contents, b"no known begin"], [*kinds.values(), ""], strict=True):
        assert line["file"] == f"contents/{line['item_id']}{suffix}" and (out / line["file"]).read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "t.parquet"]


@pytest.mark.parametrize("form", [ARRAY, TextContent(kind="text"), ROWS, ImageContent(kind="image")])
def test_no_items_are_a_folder_too(form: Any, tmp_path: Path) -> None:
    out, lines = written(tmp_path, form)
    assert lines == [] and (out / folder.LINES).is_file()


def test_what_is_not_what_its_id_says_is_never_written(tmp_path: Path) -> None:
    form = TextContent(kind="text")
    given = table(tmp_path / "t", form, b"one", b"two")
    wrong = [b"one", b"TWO"], [b"two", b"one"], [b"one", None]
    project = SimpleNamespace(data=SimpleNamespace(content=form))
    for place, contents in enumerate(wrong):
        changed = given.set_column(2, "content", pa.array(contents, pa.large_binary()))
        with pytest.raises(IntegrityError, match=r"here: a content is not the one its id says\. Do not use this data"):
            folder.write_items(tmp_path / str(place), [({}, changed)], project, "here")


def test_a_whole_folder_or_none(tmp_path: Path) -> None:
    def fill(path: Path) -> int:
        (path / "가 나").mkdir()
        (path / "가 나" / "x").write_text("x")
        return 3

    done, digest = folder.write_whole(tmp_path / "새 폴더", fill)
    assert done == 3 and folder.write_whole(tmp_path / "other" / "deep", fill)[1] == digest
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "새 폴더", capture_output=True).returncode == 0
    with pytest.raises(ReferenceFault, match="not an empty folder"):
        folder.write_whole(tmp_path / "새 폴더", fill)

    def full(path: Path) -> None:
        fill(path)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder.write_whole(tmp_path / "third", full)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "새 폴더"]
    folder.write_whole(tmp_path / ("긴 이름 " * 12), fill)
