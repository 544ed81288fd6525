"""The section ``data.labelling`` of a project.yaml: how people label, and in which formats labels come from files."""

from __future__ import annotations

from pydantic import Field

from include.projects.parts import Fraction, Part

TASKS: dict[str, tuple[str, ...]] = {
    "coco": ("detection", "segmentation"),
    "yolo": ("detection",),
    "voc": ("detection", "segmentation"),
    "conll": ("tagging",),
    "squad": ("question_answering",),
    "csv": ("classification", "regression", "detection", "segmentation", "tagging", "question_answering"),
}
"""What tasks the labels of a format can be of; `include.data.labelling.formats` reads and writes them."""


def formats_of(task: str) -> list[str]:
    """Return the formats that can say what labels of a task say."""
    return [name for name, tasks in TASKS.items() if task in tasks]


class Labelling(Part):
    """Who labels, how many people an item, and how far they must agree."""

    annotators: int = Field(1, ge=1, le=20, description="People that label each item.")
    overlap: Fraction = Field(1.0, description="Share of the items that so many people label; the others have one each.")
    min_agreement: Fraction = Field(0.7, description="An item with less agreement goes back to labelling.")
    passes: int = Field(2, ge=1, le=5, description="How often an item is labelled at most; 1 sends nothing back.")
    batch: int = Field(10_000, ge=1, le=100_000, description="Items of one run; the next run takes the next ones.")
    done: Fraction = Field(1.0, gt=0, description="Share of the items that must be labelled before the labels are taken.")
    prelabel: bool = Field(True, description="People see what the confirmed model says, where there is one.")
    instructions: str = Field("", max_length=20_000, description="What people read before they label; HTML is shown as such.")
    timeout_hours: float = Field(14 * 24, gt=0, description="How long a run waits for the labels.")
    poll_seconds: float = Field(30, ge=0.1, description="How often the progress is asked for.")
