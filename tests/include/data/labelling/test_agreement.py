"""How far people agree, and what they agree on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.data import labels
from include.data.labelling.agreement import alpha, box_iou, consensus, item_agreement, overall, similarity
from include.data.labelling.answers import Answer
from include.data.labelling.pull import decide, summary
from include.projects import Project

Make = Callable[..., Project]


def test_classes(project_of: Make) -> None:
    project = project_of("classification")
    assert similarity("고양이", "고양이", project) == 1
    assert item_agreement(["고양이"], project) is None
    assert item_agreement(["고양이", "고양이", "개"], project) == pytest.approx(1 / 3)
    assert consensus(["고양이", "고양이", "개"], project) == "고양이"
    assert consensus(["고양이", "개"], project) is None
    assert consensus([], project) is None


def test_boxes(project_of: Make) -> None:
    project = project_of("detection")
    one = labels.dump([{"box": [0, 0, 10, 10], "class": "고양이"}, {"box": [20, 20, 5, 5], "class": "자동차"}])
    near = labels.dump([{"box": [20, 20, 5, 5], "class": "자동차"}, {"box": [1, 0, 10, 10], "class": "고양이"}])
    other = labels.dump([{"box": [0, 0, 10, 10], "class": "자동차"}])
    assert box_iou([0, 0, 10, 10], [5, 0, 10, 10]) == pytest.approx(1 / 3)
    assert box_iou([0, 0, 1, 1], [5, 5, 1, 1]) == 0
    assert similarity(one, near, project) == 1
    assert similarity(one, other, project) == 0
    assert similarity(one, labels.dump([{"box": [0, 0, 10, 10], "class": "고양이"}]), project) == pytest.approx(2 / 3)
    assert similarity("[]", one, project) == 0 and similarity("[]", "[]", project) == 1
    far = labels.dump([{"box": [6, 0, 10, 10], "class": "고양이"}, {"box": [20, 20, 5, 5], "class": "자동차"}])
    assert similarity(one, far, project) == 0.5
    assert consensus([one, near, other], project) in (one, near)
    assert consensus([near, one], project) == consensus([one, near], project)


def test_masks_spans_answers_numbers(project_of: Make) -> None:
    def drawn(*names: tuple[str, list[int]]) -> str:
        return labels.dump({"masks": [{"class": name, "counts": counts} for name, counts in names], "size": [2, 4]})

    project = project_of("segmentation")
    assert similarity(drawn(("도로", [0, 4, 4])), drawn(("도로", [0, 2, 6])), project) == 0.5
    assert similarity(drawn(("도로", [0, 4, 4])), drawn(("도로", [0, 4, 4]), ("하늘", [4, 4])), project) == 0.5
    assert similarity(drawn(), drawn(("도로", [0, 4, 4])), project) == 0
    project = project_of("tagging")
    spans = [{"class": "사람", "end": n + 2, "start": n} for n in (0, 5)]
    assert similarity(labels.dump(spans), labels.dump(spans[:1]), project) == pytest.approx(2 / 3)
    project = project_of("question_answering")
    answers = [labels.dump({"answers": [{"start": start, "text": "가나다라"}]}) for start in (0, 2)]
    assert similarity(*answers, project) == 0.5
    project = project_of("text").model_copy(update={"task": "regression"})
    assert similarity("10.0", "9.0", project) == pytest.approx(0.9)
    assert similarity("-1", "1", project) == 0
    assert consensus(["10.0", "9.0", "1.0"], project) == "9.0"


def test_alpha_is_krippendorffs() -> None:
    # The nominal example of Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), four observers: 0.743.
    rows = {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        "C": [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    }
    items = [[str(value) for value in unit if value] for unit in zip(*rows.values(), strict=True)]
    assert alpha([unit for unit in items if len(unit) > 1]) == pytest.approx(0.743, abs=0.001)
    assert alpha([["a", "a"], ["a", "a"]]) is None
    assert alpha([["a", "b"], ["b", "a"]]) == pytest.approx(-0.5)
    assert alpha([]) is None


def test_over_all_items(project_of: Make) -> None:
    project = project_of("classification")
    items = [{"kim": "고양이", "lee": "고양이"}, {"kim": "고양이", "lee": "개"}, {"kim": "개"}, {"lee": "개", "박": "개"}, {}]
    found = overall(items, project)
    assert json.loads(json.dumps(found)) == found
    assert (found["items"], found["mean"]) == (3, 0.6667)
    assert found["people"]["kim"] == {"answers": 3, "agreement": 0.5}
    assert {(*pair["people"], pair["items"], pair["kappa"]) for pair in found["pairs"]} == {
        ("kim", "lee", 2, 0.0),
        ("kim", "박", 0, None),
        ("lee", "박", 1, None),
    }
    nothing = overall([], project_of("detection"))
    assert nothing == {"items": 0, "mean": None, "alpha": None, "people": {}, "pairs": []}


def said(number: int, finished: bool = True, **given: str | None) -> tuple[bool, list[Answer]]:
    return finished, [Answer(by, label, f"2026-01-0{place + 1}", number) for place, (by, label) in enumerate(given.items())]


@pytest.mark.parametrize(
    ("passes", "state", "label"),
    [
        ([said(1, kim="고양이", lee="고양이")], "agreed", "고양이"),
        ([said(1, kim="고양이")], "agreed", "고양이"),
        ([said(1, kim="고양이", lee="개")], "disputed", None),
        ([said(1, kim="고양이", lee=None)], "disputed", None),
        ([said(1, kim=None, lee=None)], "missing", None),
        ([said(1)], "missing", None),
        ([said(1, finished=False, kim="고양이")], "missing", None),
        ([said(1, kim="고양이", lee="개"), said(2, kim="개", park="개")], "agreed", "개"),
        ([said(1, kim="고양이", lee="개"), said(2, finished=False, kim="개")], "disputed", None),
        ([said(1, kim="고양이", lee="개"), said(2, kim="개", park="고양이")], "disputed", None),
        ([said(1, kim="고양이", lee="개"), said(2, kim="개", park=None)], "disputed", None),
        ([said(1, kim="고양이", lee="개"), said(2, kim="개")], "disputed", None),
        ([said(1, kim="고양이", lee="개", park="개", choi="개")], "disputed", None),
    ],
)
def test_what_came_of_an_item(project_of: Make, passes: Any, state: str, label: str | None) -> None:
    found = decide("i", passes, project_of("classification", annotators=2))
    assert (found.state, found.label) == (state, label)
    assert len(found.answers) == sum(len(answers) for _, answers in passes)


def test_of_several_answers_of_a_person_the_last_counts(project_of: Make) -> None:
    answers = [
        Answer("kim", "개", "2026-01-02", 1),
        Answer("kim", "고양이", "2026-01-01", 1),
        Answer("lee", "개", "2026-01-01", 1),
    ]
    assert decide("i", [(True, answers)], project_of("classification", annotators=2)).label == "개"


def test_summary(project_of: Make) -> None:
    project = project_of("classification")
    found = [decide("a", [said(1, kim="고양이", lee="고양이")], project), decide("b", [said(1, kim="개", lee="고양이")], project)]
    told = summary(found, project)
    assert (told["agreed"], told["disputed"], told["labels"]) == (1, 1, {"고양이": 1})
    assert told["agreement"]["mean"] == 0.5
