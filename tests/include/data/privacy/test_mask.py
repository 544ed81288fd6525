"""Masking of items: what each rule does, and what it never does."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from include.data import forms, labels
from include.data.items import Item
from include.data.privacy import values
from include.data.privacy.errors import Unmaskable
from include.data.privacy.mask import Masker
from tests.include.data.privacy.conftest import COLUMNS, RULES, project_file

KEY = values.derive(b"a salt that nobody else has", "p")


def masker(project: Any, key: bytes = KEY) -> Masker:
    return Masker(project, project.data.masking, key, "x-ops")


def test_every_rule_on_a_table(table_project: Any, rows: Any) -> None:
    project = table_project()
    items = rows(project, 60)
    masked = [masker(project).mask(item) for item in items]
    assert len({one.item.key for one in masked}) == 60
    for item, one in zip(items, masked, strict=True):
        before, after = json.loads(item.content), json.loads(one.item.content)
        assert list(after) == list(COLUMNS)
        assert after["name"] != before["name"] and after["name"]
        assert isinstance(after["customer"], int) and after["customer"] < 2**52 and after["customer"] != before["customer"]
        assert after["email"] is None
        assert after["age"] == before["age"] // 10 * 10
        assert after["city"] == ("수도권" if before["city"] == "서울" else "지방")
        assert after["visited"].startswith("2025-01-01T00:00:00")
        assert after["memo"] == "[PERSONAL] 고객 전화 [PHONE] 😀"
        assert after["amount"] == before["amount"]
        assert len(one.item.key) == 16 and one.item.key != item.key and len(one.item.group or "") == 16
        assert one.item.source == "x-ops" and one.item.taken_at.isoformat() == "2026-03-01T00:00:00+00:00"
        assert one.item.label == item.label
        assert forms.check(one.item.content, project.data.content) is None


def test_joins_still_work_and_only_with_the_same_salt(table_project: Any, rows: Any) -> None:
    project = table_project()
    first, second, third = (masker(project).mask(item) for item in rows(project, 3))
    numbers = [json.loads(one.item.content)["customer"] for one in (first, second, third)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert first.item.group == second.item.group == third.item.group == values.hashed("가족0", KEY)
    assert values.hashed(7, KEY) == values.hashed("7", KEY)
    other = masker(project, values.derive(b"another salt", "p")).mask(rows(project, 1)[0])
    assert other.item.key != first.item.key and other.item.group != first.item.group
    assert values.derive(b"s", "p") != values.derive(b"s", "q")
    assert masker(project).mask(rows(project, 1)[0]).item == first.item


def test_two_spellings_of_one_korean_name_are_one() -> None:
    import unicodedata

    name = "김민준"
    assert values.hashed(unicodedata.normalize("NFD", name), KEY) == values.hashed(name, KEY)


@pytest.mark.parametrize(
    "kind", ["name", "first_name", "last_name", "email", "phone", "address", "city", "company", "job", "user_name"]
)
@pytest.mark.parametrize("locale", ["ko_KR", "en_US"])
def test_invented_values(kind: str, locale: Any) -> None:
    made = [values.invented(f"원본 {n}", kind, locale, KEY) for n in range(20)]
    assert made == [values.invented(f"원본 {n}", kind, locale, KEY) for n in range(20)]
    assert len(set(made)) > 3 and all(made)
    assert all(values.invented(one, kind, locale, KEY) != one for one in made)


@pytest.mark.parametrize(
    ("rule", "column", "value", "wanted"),
    [
        ({"step": 10}, {"type": "integer"}, -1, -10),
        ({"step": 10}, {"type": "integer"}, 2**62 + 7, (2**62 + 7) // 10 * 10),
        ({"step": 0.5}, {"type": "number"}, 1.74, 1.5),
        ({"step": 10}, {"type": "integer", "range": [18, 99]}, 18, 18),
        ({"bins": [0, 20, 65]}, {"type": "integer"}, 80, 65),
        ({"bins": [0, 20, 65]}, {"type": "number"}, -5, 0.0),
        ({"bins": [0, 20, 65]}, {"type": "number"}, 20, 20.0),
        ({"prefix": 2}, {"type": "text"}, "서울시 강남구", "서울"),
        ({"prefix": 2}, {"type": "text"}, "서울", "서"),
        ({"prefix": 3}, {"type": "text"}, "", ""),
        ({"to": "day"}, {"type": "time"}, "2025-03-04T05:06:07.000008+00:00", "2025-03-04T00:00:00.000000+00:00"),
        ({"to": "month"}, {"type": "time"}, "2025-03-04T05:06:07.000008+00:00", "2025-03-01T00:00:00.000000+00:00"),
        ({"groups": {"a": ["x"]}}, {"type": "category"}, "y", None),
    ],
)
def test_generalise(rule: Any, column: Any, value: Any, wanted: Any) -> None:
    from include.projects.content import Column
    from include.projects.masking import Generalise

    found = values.generalised(value, Generalise(rule="generalise", **rule), Column(**column))
    assert found == wanted and type(found) is type(wanted)
    assert values.generalised(None, Generalise(rule="generalise", **rule), Column(**column)) is None


def test_missing_values_stay_missing_and_strange_rows_are_left_out(table_project: Any, rows: Any) -> None:
    project = table_project()
    item = rows(project, 1)[0]
    empty = Item(item.key, json.dumps(dict.fromkeys(COLUMNS)).encode(), None, None, "s", None)
    masked = masker(project).mask(empty)
    assert json.loads(masked.item.content) == dict.fromkeys(COLUMNS)
    assert masked.item.label is None and masked.item.taken_at is None and masked.item.group is None
    older = json.dumps({"age": 33, "secret": "비밀"}).encode()  # a column of an earlier project.yaml, and none of the newer
    after = json.loads(masker(project).mask(Item("k", older, None, None, "s")).item.content)
    assert after["age"] == 30 and "secret" not in after and after["name"] is None
    for content in (
        b"\xff",
        b"[]",
        b"no json",
        json.dumps({"age": "서른셋 비밀"}).encode(),
        json.dumps({"visited": "비밀"}).encode(),
    ):
        with pytest.raises(Unmaskable) as caught:
            masker(project).mask(Item("k", content, None, None, "s"))
        assert "비밀" not in str(caught.value) and caught.value.__suppress_context__


def test_ten_megabytes_in_one_cell(table_project: Any, rows: Any) -> None:
    project = table_project()
    memo = "가나다 " * 2_500_000 + "person@corp.example.com"
    after = json.loads(masker(project).mask(rows(project, 1, memo=memo)[0]).item.content)
    assert after["memo"].endswith("[EMAIL]") and len(after["memo"]) > 9_000_000


def test_text_and_its_tags(text_project: Any) -> None:
    project = text_project("tagging")
    text = "메일 a@b.com 의 주인 홍길동은 서울에 산다"
    spans = [
        {"class": "PER", "start": 3, "end": 10},
        {"class": "PER", "start": text.index("홍"), "end": text.index("은")},
        {"class": "LOC", "start": text.index("서울"), "end": text.index("서울") + 2},
    ]
    masked = masker(project).mask(Item("1", text.encode(), labels.dump(spans), None, "s"))
    after = masked.item.content.decode()
    moved = labels.load(masked.item.label or "[]")
    assert after == text.replace("a@b.com", "[EMAIL]")
    assert [after[one["start"] : one["end"]] for one in moved] == ["[EMAIL]", "홍길동", "서울"]
    assert (
        masker(text_project("tagging", label="drop")).mask(Item("1", text.encode(), labels.dump(spans), None, "s")).item.label
        is None
    )


def test_invented_ones_in_a_text_are_the_same_for_the_same(text_project: Any) -> None:
    project = text_project(content={"rule": "redact", "replace": "fake"})
    masked = masker(project).mask(Item("1", b"a@b.com, c@d.com, a@b.com 900101-1234567", "PER", None, "s"))
    first, second, third = (masked.item.content.decode().rsplit(" ", 1)[0]).split(", ")
    assert first == third != second and "@" in first and "a@b.com" not in masked.item.content.decode()
    assert masked.item.content.decode().endswith("[RRN]") and first in masked.invented


def test_a_label_of_no_class_does_not_go_along(text_project: Any) -> None:
    masked = masker(text_project()).mask(Item("1", b"text", "a@b.com", None, "s"))
    assert masked.item.label is None and masked.label_lost


def test_answers_to_questions(tmp_path: Any) -> None:
    columns = {"context": {"type": "text"}, "question": {"type": "text"}}
    data = {
        "source": {"kind": "sql", "table": "t", "key": "id", "label": "label"},
        "content": {"kind": "table", "columns": columns},
        "masking": {"columns": {name: {"rule": "redact"} for name in columns}},
    }
    project = project_file(tmp_path, data, task="question_answering", classes=[], domain="language")
    context = "a@b.com 으로 쓰면 김씨가 읽는다"
    label = labels.dump({"answers": [{"start": context.index("김씨"), "text": "김씨"}, {"start": 0, "text": "a@b.com"}]})
    content = forms.dump_row({"context": context, "question": "누가?"}, project.data.content)  # type: ignore[arg-type]
    masked = masker(project).mask(Item("1", content, label, None, "s")).item
    assert labels.problem(masked.label or "", project, json.loads(masked.content)) is None
    assert [one["text"] for one in labels.load(masked.label or "")["answers"]] == ["김씨", "[EMAIL]"]


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    made = Image.effect_noise(size, 90).convert("RGB")
    exif = made.getexif()
    exif[0x010F], exif[0x9286] = "카메라", "김민준의 집"
    exif.get_ifd(0x8825)[1] = "N"
    text = PngInfo()
    text.add_text("Author", "Kim Minjun")
    sink = io.BytesIO()
    more = {"pnginfo": text} if kind == "PNG" else {"comment": b"Kim Minjun"} if kind == "JPEG" else {}
    made.save(sink, kind, exif=exif, icc_profile=b"icc of a device", **more)
    return sink.getvalue()


def image_project(tmp_path: Any, rule: dict[str, Any], task: str = "classification") -> Any:
    data = {
        "source": {"kind": "sql", "table": "t", "key": "id", "content": "file", "label": "label"},
        "content": {"kind": "image", "formats": ["png", "jpeg", "webp", "tiff"]},
        "masking": {"content": rule},
    }
    return project_file(tmp_path, data, domain="vision", task=task, classes=["face", "car"])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("rule", [{"rule": "drop_metadata"}, {"rule": "blur"}, {"rule": "pixelate", "size": 8}])
def test_pictures_lose_what_is_not_a_point(tmp_path: Any, kind: str, rule: dict[str, Any]) -> None:
    from PIL import Image

    from include.data.privacy.pictures import metadata_of

    content = picture(kind)
    assert kind == "TIFF" or metadata_of(content)
    masked = masker(image_project(tmp_path, rule)).mask(Item("1", content, "face", None, "s")).item.content
    assert "Minjun" not in masked.decode("latin-1") and "icc of" not in masked.decode("latin-1")
    assert "김민준".encode() not in masked and metadata_of(masked) == []
    before, after = Image.open(io.BytesIO(content)), Image.open(io.BytesIO(masked))
    assert (before.size, before.format) == (after.size, after.format)
    if kind == "PNG":
        assert (before.tobytes() == after.tobytes()) == (rule["rule"] == "drop_metadata")


def test_only_boxes_are_blurred(tmp_path: Any) -> None:
    import numpy as np
    from PIL import Image

    project = image_project(tmp_path, {"rule": "pixelate", "size": 4, "classes": ["face"]}, "detection")
    label = labels.dump([{"box": [8, 8, 16, 16], "class": "face"}, {"box": [40, 30, 5, 5], "class": "car"}])
    content = picture("PNG")
    masked = masker(project).mask(Item("1", content, label, None, "s")).item.content
    same = np.asarray(Image.open(io.BytesIO(content))) == np.asarray(Image.open(io.BytesIO(masked)))
    assert not same[8:24, 8:24].all() and same[24:].all() and same[:8].all() and same[:, 24:].all()
    with pytest.raises(Unmaskable, match="boxes nobody has drawn"):
        masker(project).mask(Item("1", content, None, None, "s"))


@pytest.mark.parametrize("content", [b"", b"no picture", picture()[:300]])
def test_broken_pictures_are_left_out(tmp_path: Any, content: bytes) -> None:
    with pytest.raises(Unmaskable):
        masker(image_project(tmp_path, {"rule": "blur"})).mask(Item("1", content, "face", None, "s"))


def test_arrays_in_squares() -> None:
    import numpy as np

    from include.data.privacy.pictures import masked_array
    from include.projects.content import ArrayContent
    from include.projects.masking import Pixelate

    form = ArrayContent(dtype="uint8", shape=[4, 4], range=(0, 255))
    values_ = np.arange(16, dtype=np.uint8)
    found = np.frombuffer(masked_array(values_.tobytes(), Pixelate(rule="pixelate", size=2), form), np.uint8).reshape(4, 4)
    assert (found[:2, :2] == found[0, 0]).all() and len(np.unique(found)) == 4


def test_rules_of_all_columns_are_tested() -> None:
    assert RULES.keys() == COLUMNS.keys()
