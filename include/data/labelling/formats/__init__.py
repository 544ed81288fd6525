"""Labels in the formats of the field, read and written: COCO, YOLO, Pascal VOC, CoNLL, SQuAD, CSV.

Each module has ``read(files, project, targets)``, which yields entries, and ``write(folder, samples, project)``.
"""

from __future__ import annotations

from types import ModuleType

from include.data.labelling.formats import coco, conll, csv_table, squad, voc, yolo
from include.data.labelling.formats.base import Entry, LabelFileError, Sample, Target, Targets, opened
from include.projects import Project
from include.projects.labelling import TASKS, formats_of

MODULES: dict[str, ModuleType] = {"coco": coco, "yolo": yolo, "voc": voc, "conll": conll, "squad": squad, "csv": csv_table}


def module(name: str, project: Project) -> ModuleType:
    """Return the module of a format.

    Raises:
        LabelFileError: there is no such format, or it has no labels of the project's task.
    """
    if name not in formats_of(project.task):
        advice = f"Formats of {project.task} are {', '.join(formats_of(project.task))}"
        raise LabelFileError(f"format {name!r}", f"it holds no labels of {project.task}", advice)
    return MODULES[name]


__all__ = ["MODULES", "TASKS", "Entry", "LabelFileError", "Sample", "Target", "Targets", "formats_of", "module", "opened"]
