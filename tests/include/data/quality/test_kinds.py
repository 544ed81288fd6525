"""Images, texts, arrays and files: what is broken, what is nearly equal, what labels reach out of."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import numpy as np
import pytest

from tests.include.data.quality.conftest import by_name, png, project_of, rows_of

IMAGE = {"kind": "image", "formats": ["png", "jpeg", "webp"]}
ARRAY = {"dtype": "uint8", "shape": [8, 8], "range": [0, 16]}


def shapes(count: int) -> list[bytes]:
    """Return different pictures: grey blocks."""
    blocks = np.random.default_rng(4).integers(0, 256, (count, 6, 6)).tolist()
    return [png(lambda x, y, its=its: its[y // 8][x // 8]) for its in blocks]


def test_broken_images(assess: Any) -> None:
    pictures = shapes(12)
    pictures[2] = pictures[2][: len(pictures[2]) // 2]
    pictures[3], pictures[4], pictures[5] = b"", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "사진이 아님".encode()
    huge = bytearray(pictures[6])
    huge[16:24] = struct.pack(">II", 200_000, 200_000)
    pictures[6] = bytes(huge)
    found = assess(project_of(IMAGE), rows_of(pictures))
    check = by_name(found)["unreadable"]
    assert not check["ok"] and check["value"] == round(5 / 12, 6)
    assert [one.partition(":")[0] for one in check["examples"]] == ["3", "4", "5", "6", "7"]
    about = found.statistics["columns"]
    assert about["width"]["missing"] == 5 and about["width"]["least"] == 48 and about["format"]["top"] == [["png", 7]]
    allowed = by_name(assess(project_of(IMAGE, quality={"max_unreadable": 0.5}), rows_of(pictures)))["unreadable"]
    assert allowed["ok"] and allowed["severity"] == "gate"


def test_images_that_look_alike(assess: Any) -> None:
    from PIL import Image

    pictures = shapes(30)
    with Image.open(io.BytesIO(pictures[4])) as image:
        for save in ({"form": "JPEG", "quality": 60}, {"form": "WEBP", "quality": 80}):
            sink = io.BytesIO()
            image.resize((96, 96)).save(sink, save.pop("form"), **save)
            pictures.append(sink.getvalue())
    pictures.append(pictures[7])  # an equal one is another check's
    found = assess(project_of(IMAGE), rows_of(pictures))
    check = by_name(found)["near_duplicates"]
    assert check["value"] == round(2 / 32, 6) and check["ok"] and check["warnings"]
    assert check["examples"][0] == "5 ~ 31" and len(found.near) == 3


def test_labels_reach_out_of_images(assess: Any) -> None:
    labels = ['[{"box":[0.0,0.0,48.0,48.0],"class":"a"}]'] * 6
    labels[2] = '[{"box":[40.0,0.0,9.0,9.0],"class":"a"}]'
    labels[3] = "nonsense"  # what is no label is another check's
    check = by_name(assess(project_of(IMAGE, task="detection"), rows_of(shapes(6), labels)))["labels_fit_contents"]
    assert not check["ok"] and check["value"] == round(1 / 6, 6) and check["examples"][0].startswith("3: the box")


def test_texts_that_say_almost_the_same(assess: Any) -> None:
    random = np.random.default_rng(3)
    words = [
        "주문",
        "배송",
        "늦다",
        "refund",
        "late",
        "상자",
        "고장",
        "red",
        "blue",
        "감사",
        "🙂",
        "delivery",
        "door",
        "전화",
        "내일",
    ]
    texts = [" ".join(random.choice(words, 30)) for _ in range(60)]
    texts += [texts[3] + " !", texts[5].upper(), "", "a"]
    contents = [text.encode() for text in texts] + [b"\xff\xfe"]
    found = assess(project_of({"kind": "text"}, quality={"max_near_duplicates": 0.0}), rows_of(contents))
    checks = by_name(found)
    assert not checks["near_duplicates"]["ok"] and {"4 ~ 61", "6 ~ 62"} <= set(checks["near_duplicates"]["examples"])
    assert checks["unreadable"]["examples"] == ["65: no UTF-8 at byte 0"]
    assert found.statistics["columns"]["characters"]["least"] == 0


def test_a_very_long_text(assess: Any) -> None:
    found = assess(
        project_of({"kind": "text", "max_chars": 20_000_000}), rows_of([("가나다라 " * 2_000_000).encode(), b"short one"])
    )
    assert found.statistics["columns"]["text"]["lengths"]["most"] == 10_000_000


def test_spans_reach_out_of_texts(assess: Any) -> None:
    labels = ['[{"class":"a","end":3,"start":0}]', '[{"class":"a","end":30,"start":0}]']
    project = project_of({"kind": "text"}, task="tagging")
    check = by_name(assess(project, rows_of(["한국어 문장".encode(), b"an English sentence"], labels)))["labels_fit_contents"]
    assert check["examples"] == ["2: the span 0 to 30 reaches out of the text of 19 characters"]


def test_arrays_that_differ_by_noise(assess: Any) -> None:
    random = np.random.default_rng(5)
    values = random.integers(0, 17, (200, 64), dtype=np.uint8)
    noisy = np.clip(values[:20].astype(int) + (random.random((20, 64)) < 0.1), 0, 16).astype(np.uint8)
    contents = [one.tobytes() for one in (*values, *noisy)]
    found = assess(project_of(ARRAY), rows_of(contents))
    check = by_name(found)["near_duplicates"]
    assert check["value"] == round(20 / 220, 6) and check["warnings"] and "1 ~ 201" in check["examples"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_that_are_not_finite(assess: Any, dtype: str) -> None:
    values = np.random.default_rng(1).random((30, 4)).astype(dtype)
    values[3, 1], values[4] = np.inf, np.nan
    values[5, 0] = np.finfo(dtype).max
    contents = [one.tobytes() for one in values] + [b"short"]
    found = assess(project_of({"dtype": dtype, "shape": [4], "range": [0, 1]}), rows_of(contents))
    assert by_name(found)["unreadable"]["examples"] == [f"31: it does not have {4 * np.dtype(dtype).itemsize} bytes"]
    assert found.statistics["columns"]["mean"]["missing"] == 2
    assert by_name(found)["outliers"]["examples"] == ["6"]


def test_sound(assess: Any) -> None:
    pytest.importorskip("av")
    sink = io.BytesIO()
    with wave.open(sink, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(np.zeros(8000, np.int16).tobytes())
    found = assess(project_of({"kind": "audio"}), rows_of([sink.getvalue(), sink.getvalue()[:100], b"no sound"]))
    assert by_name(found)["unreadable"]["value"] == round(2 / 3, 6)
    assert found.statistics["columns"]["seconds"]["most"] == 1 and found.statistics["columns"]["rate"]["most"] == 8000


def test_numbers_as_labels(assess: Any) -> None:
    contents = [np.full(64, n % 17, np.uint8).tobytes() for n in range(20)]
    labels = [str(n / 2) for n in range(19)] + [None]
    found = assess(project_of(ARRAY, task="regression", classes=()), rows_of(contents, labels))
    assert found.statistics["labels"]["most"] == 9 and found.statistics["classes"] == {}
    assert "class_ratio" not in by_name(found)


def test_equal_items_with_other_labels(assess: Any) -> None:
    contents = [np.full(64, n % 10, np.uint8).tobytes() for n in range(20)]
    labels = ["a" if n < 10 else "b" if n < 13 else "a" if n < 19 else None for n in range(20)]
    check = by_name(assess(project_of(ARRAY, quality={"max_conflicts": 0.1}), rows_of(contents, labels)))["conflicting_labels"]
    assert not check["ok"] and check["value"] == 0.3 and check["examples"][0] == "1: a"


def test_a_round_of_labels_alone(assess: Any) -> None:
    contents = [np.full(64, n, np.uint8).tobytes() for n in range(8)]
    found = assess(project_of(ARRAY, quality={"min_class_share": 0.3}), rows_of(contents, ["a"] * 7 + ["b"]), kind="labels")
    assert set(by_name(found)) == {"class_ratio", "class_share"} and not by_name(found)["class_share"]["ok"]
    assert found.statistics["classes"] == {"a": 7, "b": 1} and set(found.objects) == {"quality.json"}
