"""The reference names all transforms, augmentations and metrics, with all that each takes."""

from __future__ import annotations

import pytest

from include.projects.augmentation import KINDS
from include.projects.measures import MEASURES
from include.projects.metrics import BUILT_IN
from include.projects.reference import page
from include.projects.reference_tables import tables
from include.projects.transforms import TRANSFORMS


def rows(title: str) -> dict[str, list[str]]:
    """Return the rows of the tables of a section of the page, by name."""
    text = page().partition(f"\n## `{title}`\n")[2].partition("\n## ")[0].partition("\n### ")[2]
    return {line.split("`")[1]: line.split(" | ") for line in text.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize(("title", "known"), [("transforms[]", TRANSFORMS), ("training.augmentation.steps[]", KINDS)])
def test_everything_that_can_be_used_has_a_row_with_its_parameters(title: str, known: dict[str, type]) -> None:
    found = rows(title)
    assert set(found) == set(known)
    for name, model in known.items():
        assert all(f"`{param}` (" in found[name][-1] for param in model.model_fields), name  # type: ignore[attr-defined]
    assert rows("transforms[]")["quantile_scale"][-1].startswith(
        "`points` (whole number, at least 2, at most 100000, default `101`): Quantiles"
    )


def test_every_metric_has_a_row_with_its_task_and_direction() -> None:
    found = rows("metrics.*")
    assert set(found) == set(BUILT_IN)
    assert found["log_loss"][1:3] == ["classification", "lower is better"] and found["r2"][2] == "higher is better"
    assert set(rows("training.tuning")) == {name for known in MEASURES.values() for name in known}
    assert sum(line.startswith("| `validation_loss` ") for line in tables("training.tuning")) == len(MEASURES)


def test_other_sections_have_none() -> None:
    assert tables("data") == tables("") == []
