"""Labels in the formats of the field, read and written: COCO, YOLO, Pascal VOC, CoNLL, SQuAD, CSV.

Each module has ``read(files, project, targets)``, which yields entries, and ``write(folder, samples, project)``.
"""

from __future__ import annotations

from types import ModuleType

from include.data.labelling.formats import coco, conll, csv_table, squad, voc, yolo
from include.data.labelling.formats.base import Entry, LabelFileError, Sample, Target, Targets, opened
from include.projects import Project

MODULES: dict[str, ModuleType] = {"coco": coco, "yolo": yolo, "voc": voc, "conll": conll, "squad": squad, "csv": csv_table}
TASKS: dict[str, tuple[str, ...]] = {
    "coco": ("detection", "segmentation"),
    "yolo": ("detection",),
    "voc": ("detection", "segmentation"),
    "conll": ("tagging",),
    "squad": ("question_answering",),
    "csv": ("classification", "regression", "detection", "segmentation", "tagging", "question_answering"),
}


def formats_of(project: Project) -> list[str]:
    """Return the formats that can say what labels of a project's task say."""
    return [name for name, tasks in TASKS.items() if project.task in tasks]


def module(name: str, project: Project) -> ModuleType:
    """Return the module of a format.

    Raises:
        LabelFileError: there is no such format, or it has no labels of the project's task.
    """
    if name not in formats_of(project):
        advice = f"Formats of {project.task} are {', '.join(formats_of(project))}"
        raise LabelFileError(f"format {name!r}", f"it holds no labels of {project.task}", advice)
    return MODULES[name]


__all__ = ["MODULES", "TASKS", "Entry", "LabelFileError", "Sample", "Target", "Targets", "formats_of", "module", "opened"]
