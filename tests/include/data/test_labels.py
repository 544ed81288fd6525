"""Labels: one form for each task, equal labels equal texts, and clear words about what is none."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from include.data import labels
from include.data.labels import classes_of, dump, load, names, problem

CLASSES = ["cat", "개", "PER"]


def project(task: str) -> Any:
    return SimpleNamespace(task=task, classes=[] if task in ("regression", "question_answering") else CLASSES)


def said(task: str, label: str, content: Any = None) -> str | None:
    found = problem(label, project(task), content)
    assert found is None or (len(found) < 300 and found.encode())
    return found


def box(*numbers: Any, name: Any = "cat") -> str:
    return dump([{"box": list(numbers), "class": name}])


def mask(counts: Any, size: Any = (2, 3), name: Any = "개") -> str:
    return dump({"masks": [{"class": name, "counts": counts}], "size": list(size)})


def span(start: Any, end: Any, name: Any = "PER") -> str:
    return dump([{"class": name, "end": end, "start": start}])


def answer(start: Any, text: Any) -> str:
    return dump({"answers": [{"start": start, "text": text}]})


CONTEXT = {"context": "서울은 한국의 수도다 😀.", "question": "어디?"}
GOOD = [
    ("classification", "개", None),
    ("regression", "-1.5", None),
    ("regression", "1e-30", None),
    ("regression", ".5", None),
    ("detection", "[]", None),
    ("detection", box(0, 0.5, 10, 2), None),
    ("detection", box(0, 0, 10, 20), (20, 10)),
    ("segmentation", mask([0, 6]), None),
    ("segmentation", mask([6]), (2, 3)),
    ("segmentation", dump({"masks": [], "size": [1, 1]}), None),
    ("tagging", "[]", None),
    ("tagging", span(0, 2), None),
    ("tagging", span(3, 4), "서울 😀"),
    ("question_answering", dump({"answers": []}), CONTEXT),
    ("question_answering", answer(4, "한국"), CONTEXT),
    ("question_answering", answer(12, "😀"), CONTEXT),
    ("question_answering", answer(99, "x"), None),
]
BAD = [
    ("classification", "", None, "is no class"),
    ("classification", "dog", None, "'dog' is no class"),
    ("classification", "가", None, "is no class"),
    ("classification", unicodedata.normalize("NFD", "개"), None, "another Unicode form"),
    ("classification", "x" * 10_000_000, None, "is no class"),
    ("classification", "cat\x00", None, "is no class"),
    ("classification", "\ud800", None, "is no class"),
    ("regression", "nan", None, "is no number"),
    ("regression", "inf", None, "is no number"),
    ("regression", "1e999", None, "is not finite"),
    ("regression", "1_000", None, "is no number"),
    ("regression", "１２", None, "is no number"),
    ("regression", " 5 ", None, "is no number"),
    ("regression", "", None, "is no number"),
    ("regression", "9" * 10_000_000 + "x", None, "is no number"),
    ("detection", "", None, "it is no label of detection"),
    ("detection", "cat", None, "it is no label of detection"),
    ("detection", "{}", None, "a list of at most"),
    ("detection", "null", None, "a list of at most"),
    ("detection", "[1]", None, "it is no label of detection"),
    ("detection", '["cat"]', None, "it is no label of detection"),
    ("detection", '[{"box":[0,0,1,1]}]', None, "no 'class'"),
    ("detection", '[{"class":"cat"}]', None, "no 'box'"),
    ("detection", box(0, 0, 1), None, "it is no label of detection"),
    ("detection", box(0, 0, 1, 1, 1), None, "it is no label of detection"),
    ("detection", box(0, 0, 1, "1"), None, "no finite number"),
    ("detection", box(0, 0, 1, True), None, "no finite number"),
    ("detection", box(0, 0, 1, None), None, "no finite number"),
    ("detection", box(0, 0, 0, 1), None, "no area"),
    ("detection", box(-1, 0, 2, 1), None, "outside of the image"),
    ("detection", box(0, 0, 10, 21), (20, 10), "reaches out of the image of 10 x 20 pixels"),
    ("detection", box(0, 0, 1, 1, name="dog"), None, "'dog' is no class"),
    ("detection", box(0, 0, 1, 1, name=["cat"]), None, "it is no label of detection"),
    ("detection", box(0, 0, 1, 1, name=3), None, "'3' is no class"),
    ("detection", '[{"class": "cat", "box": [0, 0, 1, 1]}]', None, "canonical"),
    ("detection", '[{"box":[0,0,1,1],"class":"\\uac1c"}]', None, "canonical"),
    ("detection", '[{"box":[0,0,1,1],"class":"\\ud800"}]', None, "canonical"),
    ("detection", '[{"box":[0,0,1,1],"class":"cat","class":"cat"}]', None, "canonical"),
    ("detection", '[{"box":[0,0,NaN,1],"class":"cat"}]', None, "it is no label of detection"),
    ("detection", '[{"box":[0,0,1e999,1],"class":"cat"}]', None, "it is no label of detection"),
    ("detection", '[{"box":[0,0,' + "9" * 5000 + ',1],"class":"cat"}]', None, "it is no label of detection"),
    ("detection", "[" * 100_000, None, "nested too deep"),
    ("detection", "[" * 900 + "]" * 900, None, "it is no label of detection"),
    ("segmentation", "[]", None, "it is no label of segmentation"),
    ("segmentation", mask([5]), None, "add up to 6 pixels"),
    ("segmentation", mask([7, -1]), None, "add up to 6 pixels"),
    ("segmentation", mask([5.0, 1]), None, "add up to 6 pixels"),
    ("segmentation", mask([True, 5]), None, "add up to 6 pixels"),
    ("segmentation", mask({"6": 6}), None, "add up to 6 pixels"),
    ("segmentation", mask(None), None, "add up to 6 pixels"),
    ("segmentation", mask([6], size=(2.5, 3)), None, "is not that of the image"),
    ("segmentation", mask([6], size=("2", "3")), None, "is not that of the image"),
    ("segmentation", mask([0], size=(0, 3)), None, "is not that of the image"),
    ("segmentation", mask([6], size=(2,)), None, "it is no label of segmentation"),
    ("segmentation", mask([6]), (3, 2), "is not that of the image"),
    ("segmentation", mask([6], name="road"), None, "'road' is no class"),
    ("segmentation", dump({"masks": {}, "size": [1, 1]}), None, "a list of at most"),
    ("tagging", span(2, 2), None, "is none"),
    ("tagging", span(-1, 2), None, "is none"),
    ("tagging", span(False, True), None, "is none"),
    ("tagging", span(0, 1.0), None, "is none"),
    ("tagging", span("0", "1"), None, "is none"),
    ("tagging", span(0, 5), "😀가나다", "reaches out of the text of 4 characters"),
    ("tagging", span(0, 1, name="LOC"), None, "'LOC' is no class"),
    ("question_answering", "[]", None, "it is no label of question_answering"),
    ("question_answering", "{}", None, "no 'answers'"),
    ("question_answering", answer(0, "한국"), CONTEXT, "does not stand at 0"),
    ("question_answering", answer(4, ""), CONTEXT, "needs a text"),
    ("question_answering", answer(-8, "한국"), CONTEXT, "needs a text and where"),
    ("question_answering", answer(True, "울"), CONTEXT, "needs a text and where"),
    ("question_answering", answer(4, None), CONTEXT, "needs a text"),
    ("question_answering", answer(0, "x"), {"context": None, "question": ""}, "does not stand"),
]


@pytest.mark.parametrize(("task", "label", "content"), GOOD)
def test_what_is_a_label(task: str, label: str, content: Any) -> None:
    assert said(task, label, content) is None


@pytest.mark.parametrize(("task", "label", "content", "says"), BAD)
def test_what_is_none(task: str, label: str, content: Any, says: str) -> None:
    assert says in (said(task, label, content) or "it is one")


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MAX_PARTS", 2)
    assert said("tagging", dump([{"class": "PER", "end": 1, "start": 0}] * 2)) is None
    assert "at most 2" in (said("tagging", dump([{"class": "PER", "end": 1, "start": 0}] * 3)) or "")


def test_equal_labels_are_equal_texts() -> None:
    one, other = {"b": 1, "a": ["개", 0.5]}, {"a": ["개", 0.5], "b": 1}
    assert dump(one) == dump(other) == '{"a":["개",0.5],"b":1}' and load(dump(one)) == one
    assert json.loads(dump("😀")) == "😀"
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            dump([bad])
    with pytest.raises(ValueError, match="nested too deep"):
        load("[" * 100_000)


@pytest.mark.parametrize(
    ("task", "label", "wanted"),
    [
        ("classification", "anything", ["anything"]),
        ("regression", "1.5", []),
        ("question_answering", answer(0, "x"), []),
        ("detection", dump([{"class": "cat"}, {"class": "cat"}, {"class": "개"}]), ["cat", "cat", "개"]),
        ("segmentation", mask([6]), ["개"]),
        ("tagging", span(0, 1), ["PER"]),
        ("tagging", "[]", []),
    ],
)
def test_what_a_label_counts_as(task: str, label: str, wanted: list[str]) -> None:
    assert classes_of(label, project(task)) == wanted


@pytest.mark.parametrize("task", ["detection", "segmentation", "tagging"])
@pytest.mark.parametrize(
    "label",
    [
        "",
        "no JSON",
        "{}",
        "[1]",
        "null",
        '["a"]',
        '[{"class":["cat"]}]',
        '[{"class":5},{"class":null}]',
        '{"masks":[{"class":{}}]}',
        '{"masks":5}',
        "[" * 100_000,
        "NaN",
    ],
)
def test_whatever_comes_can_be_counted(task: Any, label: str) -> None:
    found = names(label, task)
    assert sorted(Counter(found).items()) == [] and all(isinstance(one, str) for one in found)
