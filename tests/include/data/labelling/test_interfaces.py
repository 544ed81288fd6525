"""What people see, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from include.data import forms
from include.data.errors import ReferenceFault
from include.data.labelling.answers import to_label, to_result
from include.data.labelling.contents import about, task_data
from include.data.labelling.interfaces import label_config, view
from include.projects import Project
from include.projects.content import ArrayContent, TableContent
from tests.include.data.labelling.conftest import PROJECTS, picture

Make = Callable[..., Project]
TAGS = {
    "classification": {"Image", "Choices"},
    "text": {"Text", "Choices"},
    "series": {"TimeSeries", "Choices"},
    "detection": {"Image", "RectangleLabels"},
    "segmentation": {"Image", "BrushLabels", "PolygonLabels"},
    "tagging": {"Text", "Labels"},
    "question_answering": {"Header", "Text", "Labels"},
}


def no_upload(name: str, content: bytes, mime: str) -> str:
    raise AssertionError(f"{name} is uploaded")


@pytest.mark.parametrize("kind", sorted(PROJECTS))
def test_the_interface_of_a_task(project_of: Make, kind: str) -> None:
    project = project_of(kind)
    root = ElementTree.fromstring(label_config(project))
    assert TAGS[kind] == {one.tag for one in root}
    choices = [one.get("value") for one in root.iter() if one.tag in ("Choice", "Label")]
    assert choices[: len(project.classes)] == project.classes or kind == "question_answering"


def test_a_class_may_hold_any_sign(project_of: Make) -> None:
    project = project_of("classification").model_copy(update={"classes": ["<b>&\"'", "새 😀", "x" * 200]})
    values = [one.get("value") for one in ElementTree.fromstring(label_config(project)).iter("Choice")]
    assert values == project.classes


def with_content(project: Project, content: Any, **update: Any) -> Project:
    return project.model_copy(update={"data": project.data.model_copy(update={"content": content}), **update})


def test_arrays_are_pictures_or_curves(project_of: Make) -> None:
    series = project_of("series")

    def shown(shape: list[int], domain: str) -> str:
        return view(with_content(series, ArrayContent(shape=shape, range=(0, 1)), domain=domain))

    assert [shown([8, 8], "vision"), shown([3, 8, 8], "vision"), shown([8], "vision"), shown([96, 3], "tabular")] == [
        "image",
        "image",
        "series",
        "series",
    ]
    with pytest.raises(ReferenceFault, match="no picture, and has more than 32 curves"):
        shown([8, 64], "tabular")


def test_contents(project_of: Make) -> None:
    assert task_data("i", picture(1), project_of("classification"), no_upload)["image"].startswith("data:image/png;base64,")
    assert task_data("i", "한글 <b>".encode(), project_of("text"), no_upload) == {"text": "한글 <b>"}
    series = project_of("series")
    values = np.arange(24, dtype=np.float32).reshape(12, 2)
    values[0, 0] = np.nan
    found = task_data("i", values.tobytes(), series, no_upload)["series"]
    assert found["t"] == list(range(12)) and found["c0"][:2] == [None, 2.0] and found["c1"][11] == 23.0
    digits = with_content(project_of("classification"), ArrayContent(dtype="uint8", shape=[8, 8], range=(0, 16)))
    assert task_data("i", bytes(64), digits, no_upload)["image"].startswith("data:image/png")
    kept = []
    big = task_data("a" * 64, b"\xff\xd8\xff" + bytes(300_000), project_of("classification"), lambda *a: kept.append(a) or "/x")
    assert big == {"image": "/x"} and kept[0][0] == "a" * 16 + ".jpg" and kept[0][2] == "image/jpeg"


def test_rows_are_escaped_and_hide_what_is_about_a_person(project_of: Make) -> None:
    columns = {"이름": {"type": "text", "personal": True}, "말": {"type": "text"}, "수": {"type": "number", "max_missing": 1}}
    form = TableContent(kind="table", columns=columns)  # type: ignore[arg-type]
    project = with_content(project_of("text"), form)
    row = forms.dump_row({"이름": "김하나", "말": "<script>alert(1)</script>", "수": None}, form)
    shown = task_data("i", row, project, no_upload)["html"]
    assert "김하나" not in shown and "<script>" not in shown and "&lt;script&gt;" in shown


LABELS = {
    "classification": "개 & '새'",
    "detection": '[{"box":[4.0,3.0,20.0,15.0],"class":"고양이"},{"box":[8.0,0.0,1.5,30.0],"class":"자동차"}]',
    "tagging": '[{"class":"사람","end":5,"start":2},{"class":"회사 이름","end":8,"start":6}]',
    "question_answering": '{"answers":[{"start":1,"text":"나다"}]}',
    "segmentation": '{"masks":[{"class":"도로","counts":[30,60,1110]}],"size":[30,40]}',
}
ABOUT: dict[str, Any] = {
    "classification": None,
    "detection": (30, 40),
    "segmentation": (30, 40),
    "tagging": "😀 김하나 회사",
    "question_answering": {"context": "가나다라", "question": "무엇?"},
}


@pytest.mark.parametrize("kind", sorted(LABELS))
def test_a_label_that_is_shown_and_taken_over_is_the_same(project_of: Make, kind: str) -> None:
    project = project_of(kind)
    assert to_label(to_result(LABELS[kind], project, ABOUT[kind]), project, ABOUT[kind]) == LABELS[kind]


def test_a_number_that_is_shown_and_taken_over_is_the_same(project_of: Make) -> None:
    project = project_of("text").model_copy(update={"task": "regression"})
    assert to_label(to_result("1.25", project, None), project, None) == "1.25"
    with pytest.raises(ValueError, match="finite"):
        to_label([{"from_name": "label", "value": {"number": float("nan")}}], project, None)


@pytest.mark.parametrize("kind", sorted(LABELS))
def test_what_says_nothing(project_of: Make, kind: str) -> None:
    empty = {"classification": None, "segmentation": '{"masks":[],"size":[30,40]}', "question_answering": '{"answers":[]}'}
    assert to_label([], project_of(kind), ABOUT[kind]) == empty.get(kind, "[]")


def region(kind: str, **value: Any) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "item", "type": kind, "value": value}]


@pytest.mark.parametrize(
    ("task", "result", "told"),
    [
        ("detection", region("rectanglelabels", x=1, y=1, width=5), "KeyError"),
        ("detection", region("rectanglelabels", x="a", y=1, width=5, height=5, rectanglelabels=["고양이"]), "TypeError"),
        ("detection", region("rectanglelabels", x=1, y=1, width=5, height=5, rectanglelabels=["고양이", "자동차"]), "2 classes"),
        ("detection", region("rectanglelabels", x=1, y=1, width=5, height=5, rectanglelabels=[]), "0 classes"),
        ("segmentation", region("brushlabels", format="png", rle=[], brushlabels=["도로"]), "'png'"),
        ("segmentation", region("brushlabels", format="rle", rle=[0] * 9, brushlabels=["도로"]), "painted"),
        ("segmentation", region("polygonlabels", points=[[1, 1]], polygonlabels=["도로"]), "three corners"),
        ("tagging", region("labels", start=0, end=99, labels=["사람"]), "reaches out"),
        ("tagging", region("labels", start=5, end=2, labels=["사람"]), "reaches out"),
        ("tagging", region("labels", start=2, end=4, text="없다", labels=["사람"]), "not the text that was marked"),
        ("classification", region("choices", choices=["고양이", "개"]), "2 classes"),
        ("classification", [{"from_name": "label", "value": None}], "no answer"),
    ],
)
def test_answers_that_are_none(project_of: Make, task: str, result: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        to_label(result, project_of(task), ABOUT[task])


def test_a_box_is_cut_to_its_image_and_made_upright(project_of: Make) -> None:
    project = project_of("detection")
    out = region("rectanglelabels", x=-10, y=50, width=60, height=60, rectanglelabels=["고양이"])
    assert to_label(out, project, (30, 40)) == '[{"box":[0.0,15.0,20.0,15.0],"class":"고양이"}]'
    turned = region("rectanglelabels", x=50, y=0, width=25, height=20, rotation=90, rectanglelabels=["고양이"])
    assert to_label(turned, project, (30, 40)) == '[{"box":[14.0,0.0,6.0,10.0],"class":"고양이"}]'


def test_what_labels_lie_in(project_of: Make) -> None:
    assert about(picture(1), project_of("detection")) == (30, 40)
    assert about(picture(1), project_of("classification")) is None
    assert about("글".encode(), project_of("tagging")) == "글"
