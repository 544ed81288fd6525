"""Forms: one content is always the same bytes, comes back as it was, and what is no content is told."""

from __future__ import annotations

import base64
import io
import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data import forms
from include.projects.content import ArrayContent, Column, ImageContent, TableContent, TextContent

ARRAY = ArrayContent(dtype="float32", shape=[2, 2], range=(0, 9))
TEXT = TextContent(kind="text", min_chars=2, max_chars=20)
TYPES = ("number", "integer", "text", "category", "boolean", "time")
TABLE = TableContent(kind="table", columns={f"열 {kind}": Column(type=kind) for kind in TYPES})
IMAGE = ImageContent(kind="image")
HUGE = "가" * 3_500_000  # 10 MB


def table(kind: str, **more: Any) -> TableContent:
    return TableContent(kind="table", columns={"값": Column(type=kind, **more)})


def value(kind: str, given: Any) -> Any:
    return json.loads(forms.dump_row({"값": given}, table(kind)))["값"]


def png(size: tuple[int, int] = (4, 3)) -> bytes:
    from PIL import Image

    sink = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(sink, "png")
    return sink.getvalue()


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


def test_arrays_come_back_as_they_were() -> None:
    contents = [forms.encode(one, ARRAY) for one in ([[1, 2], [3, 4]], [5, 6, 7, 8], "[[1,2],[3,4.5]]", ["1", "2", "3", "4"])]
    found = forms.decode(contents, ARRAY)
    assert found.shape == (4, 2, 2) and found.dtype == np.float32 and found[2, 1, 1] == 4.5 and contents[0] != contents[1]
    assert forms.decode([], ARRAY).shape == (0, 2, 2)
    assert forms.encode(base64.b64encode(contents[0]).decode(), ARRAY, "base64") == contents[0]
    assert forms.encode(contents[0].hex(), ARRAY, "hex") == forms.encode(contents[0], ARRAY, "bytes") == contents[0]


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([1, 2, 3], "uint8"),
        ([1, 2, 3, 4, 5], "uint8"),
        ([[1, 2, 3, 4]], "uint8"),
        ([[1, 2], [3]], "uint8"),
        ([1, 2, 3, None], "uint8"),
        ([1, 2, 3, "네"], "uint8"),
        (["1", "2", "3", 4], "uint8"),
        (["1", "2", "3", "넷"], "uint8"),
        ([1, 2, 3, 256], "uint8"),
        ([1, 2, 3, -1], "uint8"),
        ([1, 2, 3, 0.5], "int64"),
        ([1, 2, 3, float("nan")], "uint8"),
        ([1, 2, 3, 2**63], "int64"),
        ([1, 2, 3, 10**400], "int64"),
        ([1, 2, 3, float("inf")], "float32"),
        ([1, 2, 3, 1e300], "float32"),
        (deep(500), "uint8"),
        ("[" * 100_000, "uint8"),
        ("{}", "uint8"),
        ("no JSON", "uint8"),
        ({"a": 1}, "uint8"),
        (None, "uint8"),
        (b"1234", "uint8"),
        (HUGE, "uint8"),
    ],
)
def test_what_is_no_array(given: Any, dtype: str) -> None:
    with pytest.raises(ValueError) as caught:
        forms.encode(given, ArrayContent(dtype=dtype, shape=[2, 2], range=(0, 9)))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("given", "how"),
    [("zz", "hex"), ("가", "hex"), ("a", "base64"), (HUGE, "base64"), (7, "hex"), ([1], "bytes"), ("1234", "bytes")],
)
def test_what_holds_no_bytes(given: Any, how: Any) -> None:
    with pytest.raises(ValueError, match="the content"):
        forms.encode(given, ARRAY, how)


def test_an_array_of_another_size_is_told() -> None:
    assert forms.check(b"12345678", ARRAY) == "the content has 8 bytes, wanted 16"
    with pytest.raises(ValueError, match="16 bytes"):
        forms.decode([b"12345678"], ARRAY)


@pytest.mark.parametrize(
    "said", ["고양이", unicodedata.normalize("NFD", "고양이"), "😀👨‍👩‍👧", "a\tb\nc", "\u202eabc", "\ufeff가나"]
)
def test_texts_come_back_as_they_were(said: str) -> None:
    content = forms.encode(said, TEXT)
    assert forms.check(content, TEXT) is None and forms.encode(content, TEXT) == content
    assert list(forms.decode([content, content], TEXT)) == [said, said]


def test_composed_and_decomposed_hangul_are_two_texts() -> None:
    assert forms.encode("가나", TEXT) != forms.encode(unicodedata.normalize("NFD", "가나"), TEXT)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("가", "1 characters, wanted 2 to 20"),
        ("", "0 characters"),
        (HUGE, "3500000 characters, wanted 2 to 20"),
        ("a\x00b", "NUL"),
        ("a\ud800", "no valid Unicode"),
        (b"\xff\xfe", "no valid UTF-8"),
        ("고양이".encode("cp949"), "no valid UTF-8"),
        (None, "NoneType, wanted text"),
        (12, "int, wanted text"),
        (["a"], "list, wanted text"),
    ],
)
def test_what_is_no_text(given: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        forms.encode(given, TEXT)
    assert len(str(caught.value)) < 200


def test_files_stay_to_the_bit() -> None:
    content = png()
    for one, how in ((content, "array"), (base64.b64encode(content).decode(), "base64"), (content.hex(), "hex")):
        assert forms.encode(one, IMAGE, how) == content
    assert list(forms.decode([content], IMAGE)) == [content] and forms.decode([], IMAGE).shape == (0,)


@pytest.mark.parametrize(
    ("content", "form", "says"),
    [
        (b"", IMAGE, "empty"),
        (b"\x89PNG\r\n\x1a\nno", IMAGE, "no readable image"),
        (b"GIF89a" + bytes(50), IMAGE, "no readable image"),
        (png(), ImageContent(kind="image", formats=["jpeg"]), "no readable image of format jpeg"),
        (png(), ImageContent(kind="image", min_side=4), "4 x 3 pixels, wanted sides from 4"),
        (png(), ImageContent(kind="image", max_bytes=10), "more than 10"),
    ],
)
def test_what_is_no_such_file(content: bytes, form: ImageContent, says: str) -> None:
    assert says in (forms.check(content, form) or "")
    with pytest.raises(ValueError):
        forms.encode(content, form)


@pytest.mark.parametrize("given", [None, 12, "not base64!", "abc", ["a"]])
def test_what_holds_no_file(given: Any) -> None:
    with pytest.raises(ValueError, match="the content"):
        forms.encode(given, IMAGE)


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("number", "1.5", 1.5),
        ("number", " 2 ", 2.0),
        ("number", 10**30, 1e30),
        ("number", Decimal("0.1"), 0.1),
        ("number", np.float32(0.5), 0.5),
        ("number", float("nan"), None),
        ("number", np.float32("nan"), None),
        ("number", "NaN", None),
        ("number", "", None),
        ("integer", "42", 42),
        ("integer", "42.0", 42),
        ("integer", 42.0, 42),
        ("integer", "9007199254740993", 9007199254740993),
        ("integer", "9007199254740993.0", 9007199254740993),
        ("integer", -(2**63), -(2**63)),
        ("integer", Decimal(7), 7),
        ("text", "", ""),
        ("text", 12, "12"),
        ("text", "a\x00b", "a\x00b"),
        ("text", "😀", "😀"),
        ("category", "", None),
        ("category", 3, "3"),
        ("category", "null", "null"),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", " f ", False),
        ("time", "2026-01-05T09:00:00+09:00", "2026-01-05T00:00:00.000000+00:00"),
        ("time", datetime(2026, 1, 5, 9), "2026-01-05T09:00:00.000000+00:00"),
        ("time", date(2026, 1, 5), "2026-01-05T00:00:00.000000+00:00"),
        ("time", "n/a", None),
    ],
)
def test_values_of_columns(kind: str, given: Any, wanted: Any) -> None:
    assert value(kind, given) == wanted and type(value(kind, given)) is type(wanted)


def test_what_pandas_misses_is_missing() -> None:
    import pandas as pd

    for kind in TYPES:
        for missing in (None, float("nan"), pd.NA, pd.NaT):
            assert value(kind, missing) is None


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("number", "many"),
        ("number", True),
        ("number", float("inf")),
        ("number", "1e999"),
        ("number", 10**400),
        ("number", [1]),
        ("number", datetime(2026, 1, 5)),
        ("number", HUGE),
        ("integer", "1.5"),
        ("integer", 1.5),
        ("integer", True),
        ("integer", 2**63),
        ("integer", "9" * 400),
        ("integer", "9" * 10_000_000),
        ("integer", "1e999999999"),
        ("integer", "sNaN"),
        ("integer", Decimal("nan")),
        ("integer", float("inf")),
        ("integer", {"a": 1}),
        ("integer", datetime(2026, 1, 5)),
        ("text", "a\ud800"),
        ("text", b"bytes"),
        ("text", ["a"]),
        ("text", {"a": 1}),
        ("category", "\udfff"),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("boolean", deep(2000)),
        ("time", "soon"),
        ("time", "2026-13-01"),
        ("time", "0001-01-01T00:00:00+14:00"),
        ("time", HUGE),
        ("time", deep(2000)),
    ],
)
def test_what_is_no_value_of_a_column(kind: str, given: Any) -> None:
    with pytest.raises(ValueError, match=f"in 값 is no {kind}") as caught:
        forms.dump_row({"값": given}, table(kind))
    assert len(str(caught.value)) < 350
    str(caught.value).encode()


def test_personal_values_are_in_no_message() -> None:
    with pytest.raises(ValueError) as caught:
        forms.dump_row({"값": "900101-1234567"}, table("number", personal=True))
    assert str(caught.value) == "a value in 값 is no number"


def test_rows_come_back_typed() -> None:
    full = dict(zip(TABLE.columns, (1.5, 2**62 + 1, "가\n나", "x", True, "2026-01-05T09:00:00.000001+09:00"), strict=True))
    contents = [forms.dump_row(row, TABLE) for row in (full, {}, {**full, "more": 1})]
    assert contents[0] == contents[2] and all(forms.check(one, TABLE) is None for one in contents)
    frame = forms.decode(contents, TABLE)
    assert list(frame.columns) == list(TABLE.columns) and len(frame) == 3
    one = dict(frame.iloc[0])
    assert one["열 integer"] == 2**62 + 1 and one["열 text"] == "가\n나" and one["열 boolean"]
    assert one["열 time"].to_pydatetime() == datetime(2026, 1, 5, 0, 0, 0, 1, UTC)
    assert frame.iloc[1].isna().all()
    assert [str(kind) for kind in forms.decode([], TABLE).dtypes] == [str(kind) for kind in frame.dtypes]
    assert forms.load_row(contents[0])["열 time"] == "2026-01-05T00:00:00.000001+00:00"


def test_times_at_the_edges_come_back() -> None:
    for said in ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00", "1600-02-29"):
        frame = forms.decode([forms.dump_row({"값": said}, table("time"))], table("time"))
        assert frame["값"][0].year == int(said[:4])


def test_a_very_long_text_comes_back() -> None:
    contents = [forms.dump_row({"값": said}, table("text")) for said in ("a", HUGE, "b")]
    assert list(forms.decode(contents, table("text"))["값"]) == ["a", HUGE, "b"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"1",
        b"null",
        b"\xff",
        b'{"\xea\xb0\x92": 1}',
        b'{"\xea\xb0\x92":1,"b":2}',
        b'{"\xea\xb0\x92":NaN}',
        b'{"\xea\xb0\x92":"x"}',
        b'{"\xea\xb0\x92":1}\n',
        b'{"\xea\xb0\x92":1e999}',
        b'{"\xea\xb0\x92":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_row(content: bytes) -> None:
    problem = forms.check(content, table("number"))
    assert problem and len(problem) < 400


@pytest.mark.parametrize("content", [b"", b"\n", b'{"\xea\xb0\x92":1}\n{"\xea\xb0\x92":2}', b'{"\xea\xb0\x92":"x"}', b"no"])
def test_a_frame_never_has_other_rows_than_contents(content: bytes) -> None:
    good = forms.dump_row({"값": 1}, table("number"))
    with pytest.raises(ValueError):
        forms.decode([good, content], table("number"))


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec="utf-8")), st.datetimes())


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({name: scalars for name in TABLE.columns}))
def test_a_row_that_is_written_is_a_row(row: dict[str, Any]) -> None:
    try:
        content = forms.dump_row(row, TABLE)
    except ValueError:
        return
    assert forms.check(content, TABLE) is None
    assert forms.dump_row(forms.load_row(content), TABLE) == content
    assert len(forms.decode([content], TABLE)) == 1


def test_lots_are_joined() -> None:
    assert forms.join([], ARRAY).shape == (0, 2, 2) and len(forms.join([], TABLE)) == 0 and forms.join([], TEXT).shape == (0,)
    one = forms.decode([forms.encode("가나", TEXT)], TEXT)
    assert list(forms.join([one, one], TEXT)) == ["가나", "가나"]
    rows = forms.decode([forms.dump_row({"열 number": 1}, TABLE)], TABLE)
    assert list(forms.join([rows, rows], TABLE).index) == [0, 1]
