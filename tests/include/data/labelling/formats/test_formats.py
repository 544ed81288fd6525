"""Labels go out in a format of the field and come back the same; what is wrong in a file is told, and taken by nobody."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from include.data import labels
from include.data.labelling import formats, masks
from include.data.labelling.formats import Entry, LabelFileError, Sample, Target, Targets
from include.data.labelling.formats.coco import _unpacked
from include.projects import Project

BOXES = [{"box": [0.0, 0.0, 40.0, 30.0], "class": "자동차"}, {"box": [1.0, 2.0, 10.0, 8.0], "class": "고양이"}]
TEXT = "😀 김하나는  한국전자에서 일한다.\n내일도 김하나가 온다"
SPANS = [
    {"class": "사람", "end": 5, "start": 2},
    {"class": "회사 이름", "end": 12, "start": 8},
    {"class": "사람", "end": 27, "start": 24},
]
ROW = {"context": "서울은 대한민국의 수도다.", "question": "수도는?"}


def mask(top: int, left: int) -> list[int]:
    pixels = np.zeros((30, 40), dtype=bool)
    pixels[top : top + 5, left : left + 7] = True
    return masks.to_counts(pixels)


TOUCHING = [{"class": "사람", "end": 4, "start": 2}, {"class": "사람", "end": 5, "start": 4}]
LABELS: dict[str, list[Any]] = {
    "classification": ["고양이", "개 & '새'"],
    "detection": [BOXES, [], BOXES[:1]],
    "segmentation": [
        {"masks": [{"class": "도로", "counts": mask(0, 0)}, {"class": "하늘", "counts": mask(20, 30)}], "size": [30, 40]},
        {"masks": [], "size": [30, 40]},
    ],
    "tagging": [SPANS, [], TOUCHING],
    "question_answering": [{"answers": [{"start": 0, "text": "서울"}]}, {"answers": []}],
}
PAIRS = [(name, task) for name, tasks in formats.TASKS.items() for task in tasks if task in LABELS]


def png(height: int = 30, width: int = 40) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(sink, "PNG")
    return sink.getvalue()


def samples(task: str) -> list[Sample]:
    about: dict[str, Any] = {"detection": (30, 40), "segmentation": (30, 40), "tagging": TEXT}
    made = []
    for place, value in enumerate(LABELS[task]):
        found = {**ROW, "question": f"수도는? {place}"} if task == "question_answering" else about.get(task)
        label = value if isinstance(value, str) else labels.dump(value)
        made.append(Sample(f"{place:064x}", f"../폴더/그림 {place}😀.png", label, png(), found))
    return made


def targets(found: list[Sample]) -> Targets:
    def text(one: Sample) -> str | None:
        return one.about if isinstance(one.about, str) else (one.about["context"] if isinstance(one.about, dict) else None)

    return Targets([Target(one.item_id, one.key, one.about, text(one)) for one in found], "시험 v1")


def read(path: Path, format: str, project: Project, found: Targets) -> list[Entry]:
    with formats.opened(path, path.name) as files:
        return list(formats.module(format, project).read(files, project, found))


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_what_goes_out_comes_back(project_of: Callable[..., Project], tmp_path: Path, name: str, task: str) -> None:
    project, given = project_of(task), samples(task)
    folder = tmp_path / "나감"
    written = formats.module(name, project).write(folder, iter(given), project)
    assert written and all((folder / one).is_file() for one in written)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(written)
    back = {one.item_id: one.label for one in read(folder, name, project, targets(given))}
    assert back == {one.item_id: one.label for one in given}
    with zipfile.ZipFile(tmp_path / "다.zip", "w") as archive:
        for one in written:
            archive.write(folder / one, f"안/{one}")
    assert {one.item_id: one.label for one in read(tmp_path / "다.zip", name, project, targets(given))} == back


def test_formats_of_a_task(project_of: Callable[..., Project]) -> None:
    assert formats.formats_of("tagging") == ["conll", "csv"]
    with pytest.raises(LabelFileError, match=r"no labels of tagging\. Formats of tagging are conll, csv"):
        formats.module("coco", project_of("tagging"))


def coco(tmp_path: Path, **changed: Any) -> Path:
    document = {
        "images": [{"id": 1, "file_name": "그림 0😀.png", "height": 30, "width": 40}],
        "categories": [{"id": 7, "name": "고양이"}, {"id": 8, "name": "용"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}],
        **changed,
    }
    (tmp_path / "labels.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path / "labels.json"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [30, 2, 30, 4]}]}, "reaches out of the image"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [-5, 2, 20, 4]}]}, "outside of the image"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 0, 4]}]}, "no area"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3]}]}, "3 numbers"),
        ({"annotations": [{"image_id": 1, "category_id": 8, "bbox": [1, 2, 3, 4]}]}, "'용' is no class"),
        ({"annotations": [{"image_id": 1, "category_id": 9, "bbox": [1, 2, 3, 4]}]}, "KeyError"),
        ({"annotations": [{"image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4]}]}, "name image 5"),
        ({"images": [{"id": 1, "file_name": "../../etc/passwd"}]}, "no item of 시험 v1"),
        ({"images": [{"id": 1, "file_name": "x" * 300}]}, "no item of 시험 v1"),
        ({"images": [{"id": 1, "file_name": "그림 0😀.png", "height": 31, "width": 40}]}, "40 x 31"),
        ({"annotations": "none"}, "no COCO file"),
        ({"images": None}, "no COCO file"),
    ],
)
def test_coco_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(LabelFileError, match=told) as error:
        read(coco(tmp_path, **changed), "coco", project_of("detection"), targets(samples("detection")))
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"images": [], "categories": [], "annotations": NaN}', "\ud7ff\x00"])
def test_a_file_that_is_no_json(project_of: Callable[..., Project], tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    for name, task in (("coco", "detection"), ("squad", "question_answering")):
        with pytest.raises(LabelFileError):
            read(tmp_path / "x.json", name, project_of(task), targets(samples(task)))


def test_a_box_that_reaches_out_by_a_pixel_is_cut(project_of: Callable[..., Project], tmp_path: Path) -> None:
    path = coco(tmp_path, annotations=[{"image_id": 1, "category_id": 7, "bbox": [-0.5, 0, 41, 30.9]}])
    found = read(path, "coco", project_of("detection"), targets(samples("detection")))
    assert labels.load(found[0].label) == [{"box": [0.0, 0.0, 40.0, 30.0], "class": "고양이"}]


def test_run_lengths_as_text_are_those_of_the_coco_tools() -> None:
    # Written by pycocotools for an image of 30 x 40 pixels.
    pixels = np.zeros((30, 40), dtype=bool)
    pixels[0:5, 0:7] = pixels[12:29, 20:33] = True
    assert _unpacked("05i000000000000b<<RC00000000000000000000000V6") == masks.to_counts(pixels)
    for bad, told in (("0o", "cut off"), ("\x7f", "none of it"), ("한글", "none of it")):
        with pytest.raises(ValueError, match=told):
            _unpacked(bad)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2 0.5 0.5 0.1 0.1", "class 2 is none of 2"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0 0.5 0.5 0.1", "4 fields"),
        ("0 nan 0.5 0.1 0.1", "finite"),
        ("0 inf 0.5 0.1 0.1", "finite|image"),
        ("0 1.5 0.5 0.5 0.1", "reaches out"),
        ("고양이 0.5 0.5 0.1 0.1", "no box"),
        ("0 0.5 0.5 0 0", "no area"),
    ],
)
def test_yolo_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "그림 0😀.txt").write_text(line, encoding="utf-8")
    with pytest.raises(LabelFileError, match=told):
        read(tmp_path, "yolo", project_of("detection"), targets(samples("detection")))


def test_yolo_takes_the_classes_that_its_files_name(project_of: Callable[..., Project], tmp_path: Path) -> None:
    (tmp_path / "그림 0😀.txt").write_text("0 0.5 0.5 0.5 0.5\n", encoding="utf-8")
    (tmp_path / "classes.txt").write_text("자동차\n고양이\n", encoding="utf-8")
    found = read(tmp_path, "yolo", project_of("detection"), targets(samples("detection")))
    assert labels.load(found[0].label)[0]["class"] == "자동차"


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        ("<annotation", "no plain XML"),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>',
            "no plain XML",
        ),
        ('<!DOCTYPE a [<!ENTITY x "그림 0😀.png">]><annotation><filename>&x;</filename></annotation>', "no plain XML"),
        ("<annotation><filename>../../etc/passwd</filename></annotation>", "no item"),
        ("<annotation><object><name>고양이</name></object></annotation>", "bndbox"),
        (
            "<annotation><object><name>용</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
            "</object></annotation>",
            "'용' is no class",
        ),
        (
            "<annotation><object><name>고양이</name><bndbox><xmin>NaN</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
            "</object></annotation>",
            "object",
        ),
        (
            "<annotation><object><name>고양이</name><bndbox><xmin>9</xmin><ymin>1</ymin><xmax>95</xmax><ymax>5</ymax></bndbox>"
            "</object></annotation>",
            "reaches out",
        ),
    ],
)
def test_voc_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path, xml: str, told: str) -> None:
    (tmp_path / "그림 0😀.xml").write_text(xml, encoding="utf-8")
    with pytest.raises(LabelFileError, match=told) as error:
        read(tmp_path, "voc", project_of("detection"), targets(samples("detection")))
    assert "root:" not in str(error.value)


def test_voc_masks_that_are_wrong(project_of: Callable[..., Project], tmp_path: Path) -> None:
    project, known = project_of("segmentation"), targets(samples("segmentation"))
    folder = tmp_path / "SegmentationClass"
    folder.mkdir()
    path = folder / "그림 0😀.png"
    for image, told in (
        (Image.new("L", (40, 30), 9), "class number 9"),
        (Image.new("L", (41, 30), 1), "41 x 30 pixels"),
        (Image.new("RGB", (40, 30)), "RGB"),
    ):
        image.save(path)
        with pytest.raises(LabelFileError, match=told):
            read(tmp_path, "voc", project, known)
    path.write_bytes(b"\x89PNG no")
    with pytest.raises(LabelFileError, match="no mask"):
        read(tmp_path, "voc", project, known)
    value = {"masks": [{"class": name, "counts": mask(0, 0)} for name in project.classes], "size": [30, 40]}
    sample = Sample("a" * 64, "겹침", labels.dump(value), png(), (30, 40))
    with pytest.raises(LabelFileError, match="overlap"):
        formats.module("voc", project).write(tmp_path / "out", [sample], project)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("김하나 B-사람\n\n", "no item"),
        (f"# item_id: {0:064x}\n용용 O\n", "does not come next"),
        (f"# item_id: {0:064x}\n😀 O\n김하나 B-용\n", "'용' is no class"),
        (f"# item_id: {0:064x}\n😀\n", "no token with a tag"),
        ("# item_id: 없다\n😀 O\n", "no item"),
    ],
)
def test_conll_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.conll").write_text(text, encoding="utf-8")
    with pytest.raises(LabelFileError, match=told):
        read(tmp_path / "a.conll", "conll", project_of("tagging"), targets(samples("tagging")))


def test_conll_without_ids_is_found_by_its_words(project_of: Callable[..., Project], tmp_path: Path) -> None:
    rows = [
        "😀\tX\tO",
        "김하나\tX\tB-사람",
        "는\tX\tO",
        "한국전자\tX\tS-회사 이름",
        "에서\tX\tO",
        "일한다.\tX\tO",
        "내일도\tX\tO",
    ]
    rows += ["김\tX\tB-사람", "하나\tX\tE-사람", "가\tX\tO", "온다\tX\tO"]
    (tmp_path / "a.txt").write_text("-DOCSTART- O\r\n\r\n" + "\r\n".join(rows), encoding="utf-8")
    found = read(tmp_path / "a.txt", "conll", project_of("tagging"), targets(samples("tagging")[:1]))
    assert labels.load(found[0].label) == SPANS


def test_squad_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path) -> None:
    project, known = project_of("question_answering"), targets(samples("question_answering"))

    def file(answers: Any, question: str = "수도는? 0") -> Path:
        paragraph = {"context": ROW["context"], "qas": [{"question": question, "answers": answers}]}
        (tmp_path / "s.json").write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), encoding="utf-8")
        return tmp_path / "s.json"

    assert read(file([{"text": "서울", "answer_start": 0}]), "squad", project, known)[0].item_id == "0" * 64
    for answers, question, told in (
        ([{"text": "부산", "answer_start": 0}], "수도는? 0", "does not stand"),
        ([{"text": "서울"}], "수도는? 0", "answer_start"),
        ([], "없는 질문", "no item"),
    ):
        with pytest.raises(LabelFileError, match=told):
            read(file(answers, question), "squad", project, known)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "its columns"),
        ("", "its columns"),
        (f"item_id,label\n{'0' * 64},용\n", "line 2: '용' is no class"),
        ("key,label\n=HYPERLINK(1),고양이\n", "no item"),
        ('item_id,label\n"' + "0" * 64 + '","고양이\n', "no CSV"),
        ("item_id,label\n" + "x" * 100_000 + ",고양이\n", "no item"),
    ],
)
def test_csv_that_is_wrong(project_of: Callable[..., Project], tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(LabelFileError, match=told) as error:
        read(tmp_path / "a.csv", "csv", project_of("classification"), targets(samples("classification")))
    assert len(str(error.value)) < 700


def test_csv_names_who_said_what_and_may_be_in_any_order(project_of: Callable[..., Project], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("﻿label,annotator,file\n고양이,kim,그림 0😀.png\n,lee,그림 1😀\n", encoding="utf-8")
    found = read(path, "csv", project_of("classification"), targets(samples("classification")))
    assert found == [Entry("0" * 64, "고양이", "kim")]


def test_text_that_is_no_utf8(project_of: Callable[..., Project], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("item_id,label\n1,고양이\n".encode("cp949"))
    with pytest.raises(LabelFileError, match="Save it as UTF-8"):
        read(tmp_path / "a.csv", "csv", project_of("classification"), targets(samples("classification")))


@pytest.mark.parametrize("name", ["../out.csv", "/etc/x.csv", "a/../../b.csv", "C:/x.csv", "..\\x.csv"])
def test_an_archive_with_names_that_lead_out(project_of: Callable[..., Project], tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "item_id,label\n")
    with pytest.raises(LabelFileError, match="leads out of the archive"):
        read(tmp_path / "a.zip", "csv", project_of("classification"), targets(samples("classification")))


def test_an_archive_that_is_none_or_swells(
    project_of: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, known = project_of("classification"), targets(samples("classification"))
    (tmp_path / "a.zip").write_bytes(b"PK no archive")
    with pytest.raises(LabelFileError, match="no readable zip"):
        read(tmp_path / "a.zip", "csv", project, known)
    monkeypatch.setattr("include.data.labelling.formats.base.MAX_FILE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "0" * (2 << 20))
    with pytest.raises(LabelFileError, match="more than 1 MiB"):
        read(tmp_path / "b.zip", "csv", project, known)


def test_a_link_out_of_a_folder_is_not_followed(project_of: Callable[..., Project], tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("item_id,label\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(LabelFileError, match=r"no \.csv files"):
        read(tmp_path / "in", "csv", project_of("classification"), targets(samples("classification")))


def test_names_of_several_items_stand_for_none() -> None:
    known = Targets([Target("a" * 64, "x/1.png"), Target("b" * 64, "y/1.png"), Target("c" * 64, "t.jsonl#7")], "v1")
    assert known.find("x/1.png", "f").item_id == "a" * 64
    assert known.find("7", "f").item_id == "c" * 64
    assert known.find("b" * 64 + ".png", "f").item_id == "b" * 64
    with pytest.raises(LabelFileError, match="more than one item"):
        known.find("1.png", "f")
    with pytest.raises(LabelFileError, match="no item"):
        known.find("", "f")
