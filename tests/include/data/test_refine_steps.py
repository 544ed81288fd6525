"""The built-in steps of refining, without a server."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from include.data import forms, items
from include.data.errors import RefineError
from include.data.items import Item
from include.data.refine_steps import STEPS
from include.projects.content import ArrayContent, Column, ImageContent, TableContent, TextContent

TEXT = TextContent(kind="text")
TABLE = TableContent(
    kind="table",
    columns={
        "나이": Column(type="integer"),
        "높이": Column(type="number"),
        "note": Column(type="text"),
        "at": Column(type="time"),
    },
)
IMAGE = ImageContent(kind="image", formats=["png", "jpeg"])


def run(name: str, given: list[Item], form: Any, folder: Path, **params: Any) -> list[Item]:
    """Run a step as refining does: over a table on the disk."""
    items.write(folder / "t.parquet", given, form, grouped=True)
    return list(STEPS[name](items.Table(folder / "t.parquet"), form, **params))


def text_items(*said: str, labels: Any = None, groups: Any = None) -> list[Item]:
    labels, groups = labels or [None] * len(said), groups or [None] * len(said)
    return [Item(str(n), one.encode(), labels[n], None, "x", groups[n]) for n, one in enumerate(said)]


def rows(*given: dict[str, Any]) -> list[Item]:
    return [Item(str(n), forms.dump_row(one, TABLE), "a", None, "x") for n, one in enumerate(given)]


def keys(found: list[Item]) -> list[str]:
    return [item.key for item in found]


def values(found: list[Item], name: str) -> list[Any]:
    return [forms.load_row(item.content)[name] for item in found]


def test_drop_duplicates_keeps_the_first(tmp_path: Path) -> None:
    given = text_items("가", "b", "가", unicodedata.normalize("NFD", "가"), "b", labels=["1", None, "2", "3", "4"])
    found = run("drop_duplicates", given, TEXT, tmp_path)
    assert found == [given[0], given[1], given[3]]
    assert run("drop_duplicates", [], TEXT, tmp_path) == []


def test_drop_unlabelled_and_groups(tmp_path: Path) -> None:
    given = text_items("a", "b", "c", labels=["1", None, ""], groups=["철수", None, "b"])
    assert keys(run("drop_unlabelled", given, TEXT, tmp_path)) == ["0", "2"]
    assert keys(run("drop_groups", given, TEXT, tmp_path, groups=["철수", "nobody"])) == ["1", "2"]
    assert keys(run("drop_groups", given, TEXT, tmp_path, groups=[])) == ["0", "1", "2"]


def test_drop_and_fill_what_is_missing(tmp_path: Path) -> None:
    given = rows({"나이": 1, "높이": None, "note": ""}, {"나이": None, "높이": 2}, {"나이": 3, "높이": 4, "note": "n"})
    assert keys(run("drop_missing", given, TABLE, tmp_path, columns=["나이"])) == ["0", "2"]
    assert keys(run("drop_missing", given, TABLE, tmp_path, columns=["나이", "높이"])) == ["2"]
    assert keys(run("drop_missing", given, TABLE, tmp_path, columns=[])) == ["0", "1", "2"]
    found = run("fill_missing", given, TABLE, tmp_path, values={"나이": "-1", "높이": 0, "note": "없음"})
    assert values(found, "나이") == [1, -1, 3] and values(found, "높이") == [0.0, 2.0, 4.0]
    assert values(found, "note") == ["", "없음", "n"] and found[2] == given[2]
    assert all(forms.check(item.content, TABLE) is None for item in found)
    with pytest.raises(ValueError, match="나이 is no integer"):
        run("fill_missing", given, TABLE, tmp_path, values={"나이": "많음"})


def test_drop_outliers(tmp_path: Path) -> None:
    given = rows(*({"나이": n % 10} for n in range(100)), {"나이": 1000}, {"나이": -1000}, {})
    assert keys(run("drop_outliers", given, TABLE, tmp_path, columns=["나이"])) == [*map(str, range(100)), "102"]
    assert len(run("drop_outliers", given, TABLE, tmp_path, columns=["나이"], width=1000)) == 103
    assert len(run("drop_outliers", given, TABLE, tmp_path, columns=["높이"])) == 103
    same = rows(*({"높이": 5} for _ in range(10)))
    assert len(run("drop_outliers", same, TABLE, tmp_path, columns=["높이"])) == 10


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("drop_missing", {"columns": ["없는 것"]}),
        ("fill_missing", {"values": {"없는 것": 1}}),
        ("drop_outliers", {"columns": ["없는 것"]}),
    ],
)
def test_a_column_that_is_not_there(name: str, params: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RefineError, match=rf"step {name}: there is no column 없는 것\. Columns are 나이, 높이, note, at"):
        run(name, rows({}), TABLE, tmp_path, **params)
    with pytest.raises(RefineError, match=f"step {name}: items are of kind text"):
        run(name, text_items("a"), TEXT, tmp_path, **params)


@pytest.mark.parametrize("column", ["note", "at"])
def test_outliers_are_of_numbers(column: str, tmp_path: Path) -> None:
    with pytest.raises(RefineError, match=f"the column {column} holds no numbers"):
        run("drop_outliers", rows({}), TABLE, tmp_path, columns=[column])


def test_normalise_text(tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", "고양이")
    given = text_items(f"  {nfd}\u00a0\n\t가 ", "Straße İ", "😀\u3000👨‍👩‍👧", " \n ")
    found = [item.content.decode() for item in run("normalise_text", given, TEXT, tmp_path)]
    assert found == ["고양이 가", "Straße İ", "😀 👨‍👩‍👧"]
    lowered = [item.content.decode() for item in run("normalise_text", given, TEXT, tmp_path, lower=True, form_c=False)]
    assert lowered[0] == f"{nfd} 가" and lowered[1].startswith("straße")
    assert len(run("normalise_text", given, TextContent(kind="text", min_chars=0), tmp_path)) == 4
    with pytest.raises(RefineError, match="items are of kind array"):
        run("normalise_text", [], ArrayContent(shape=[1], range=(0, 1)), tmp_path)


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (20, 10), **more: Any) -> bytes:
    from PIL import Image

    sink = io.BytesIO()
    image = Image.new(mode, size)
    image.putpixel((0, 0), 255 if mode in ("L", "1") else 60_000 if mode == "I;16" else (255, 0, 0, 128)[: len(image.getbands())])
    image.save(sink, kind, **more)
    return sink.getvalue()


@pytest.mark.parametrize(("mode", "wanted"), [("RGB", "RGB"), ("RGBA", "RGB"), ("L", "L"), ("1", "L"), ("I;16", "L")])
def test_resize_images(mode: str, wanted: str, tmp_path: Path) -> None:
    from PIL import Image

    (found,) = run("resize_images", [Item("k", picture("png", mode), "a", None, "x")], IMAGE, tmp_path, width=8, height=6)
    with Image.open(io.BytesIO(found.content)) as image:
        assert image.size == (8, 6) and image.mode == wanted and image.format == "PNG" and not image.info
    assert forms.check(found.content, IMAGE) is None


def test_a_photo_that_lies_on_its_side_is_turned(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it by a quarter to the right
    image = Image.new("RGB", (40, 20), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 20, 20))
    sink = io.BytesIO()
    image.save(sink, "jpeg", exif=exif)
    (found,) = run("resize_images", [Item("k", sink.getvalue(), None, None, "x")], IMAGE, tmp_path, width=20, height=40)
    with Image.open(io.BytesIO(found.content)) as turned:
        assert turned.getpixel((10, 5))[0] > 200 > 50 > turned.getpixel((10, 35))[0] and not turned.getexif()


def test_what_cannot_be_resized(tmp_path: Path) -> None:
    size = {"width": 4, "height": 4}
    with pytest.raises(RefineError, match=r"data\.content\.formats has no png"):
        run("resize_images", [], ImageContent(kind="image", formats=["jpeg"]), tmp_path, **size)
    with pytest.raises(RefineError, match="items are of kind text"):
        run("resize_images", [], TEXT, tmp_path, **size)
    for label in ('[{"box":[0,0,1,1],"class":"a"}]', '{"masks":[],"size":[1,1]}'):
        with pytest.raises(RefineError, match="the label of k tells places in pixels"):
            run("resize_images", [Item("k", picture("png"), label, None, "x")], IMAGE, tmp_path, **size)
    with pytest.raises(OSError, match="cannot identify"):
        run("resize_images", [Item("k", b"no picture", None, None, "x")], IMAGE, tmp_path, **size)


def test_every_step_has_a_name_and_a_word_about_it() -> None:
    assert sorted(STEPS) == [
        "drop_duplicates", "drop_groups", "drop_missing", "drop_outliers", "drop_unlabelled", "fill_missing",
        "normalise_text", "resize_images",
    ]  # fmt: skip
    assert all(name == run.__name__ and run.__doc__ for name, run in STEPS.items())
