"""Projects of tasks that learn without labels: what project.yaml refuses, and the sources of the examples."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from include.data import labels
from include.data.split import rows_of
from include.data.states import may_lack, told
from include.projects import load_project
from include.projects.project import Project


def changed(name: str, **changes: Any) -> Project:
    return Project(**{**load_project(name).model_dump(exclude_unset=True), **changes})


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        (
            "flower_groups",
            {"split": {"method": "stratified", "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}}},
            "stratified needs a label of every item.*take random, grouped or time",
        ),
        ("flower_groups", {"control": load_project("pole_balance").control.model_dump()}, "belongs to the task control"),
        ("pole_balance", {"control": None}, "give both, or neither"),
        ("pole_balance", {"classes": ["a", "b"]}, "classes mean nothing"),
        (
            "pole_balance",
            {"control": {**load_project("pole_balance").control.model_dump(), "reward": "보상", "action": "angle"}},
            "angle is of type number; wanted integer.*no column '보상'",
        ),
        (
            "digit_maps",
            {"training": {"tests": {"minimum": [{"name": "one", "function": "a:b"}]}}},
            "training.tests.minimum.*learns without",
        ),
        ("pole_balance", {"retraining": {"min_new_rows": 30}}, "retraining: it asks for labels, and the task control learns"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){says}"):
        changed(name, **changes)


def test_labels_are_compared_with_and_never_needed() -> None:
    flowers, pole = load_project("flower_groups"), load_project("pole_balance")
    assert labels.problem("setosa", flowers) is None and "no class" in str(labels.problem("장미", flowers))
    assert labels.classes_of("setosa", flowers) == ["setosa"] and labels.classes_of("", flowers) == []
    assert "leave data.source.label out" in str(labels.problem("1", pole)) and labels.classes_of("", pole) == []
    assert may_lack(pole, collected=True) == 1 and told(pole, 10, 0, Counter())["state"] == "refined"


def test_a_split_takes_what_has_no_label() -> None:
    import pyarrow as pa

    table = pa.table({"item_id": ["a", "b"], "label": pa.array([None, "setosa"], pa.string()), "group": [None, None]})
    assert rows_of(table, task="clustering").labels == ["", "setosa"]
    assert rows_of(table, task="classification").labels == [None, "setosa"]


@pytest.mark.parametrize(("name", "total"), [("flower_groups", 150), ("digit_maps", 1797), ("pole_balance", 6000)])
def test_a_source_is_filled_once(name: str, total: int, tmp_path: Path) -> None:
    fill = load_project(name).component("source")
    place: Any = f"sqlite:///{tmp_path / 's.db'}" if name == "pole_balance" else tmp_path
    assert (fill(place, 40), fill(place, 60), fill(place, 60), fill(place, slice(total, None))) == (40, 20, 0, 0)
    if name == "pole_balance":
        with sqlite3.connect(tmp_path / "s.db") as connection:
            before, after = connection.execute("SELECT a.next_angle, b.angle FROM transitions a, transitions b "
                                               "WHERE a.id = 3 AND b.id = 4 AND a.episode = b.episode").fetchone()  # fmt: skip
        assert before == after
