"""What can be learnt: the task of a project, and what each asks of the rest of its project.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from include.projects.content import TableContent

if TYPE_CHECKING:
    from include.projects.project import Project

Task = Literal[
    "classification",
    "regression",
    "detection",
    "segmentation",
    "tagging",
    "question_answering",
    "clustering",
    "reduction",
    "control",
]
UNLABELLED: tuple[Task, ...] = ("clustering", "reduction", "control")  # what learns without anybody's answers
CLASSLESS: tuple[Task, ...] = ("regression", "question_answering")  # what has labels that are no classes
CONTENTS: dict[str, tuple[str, ...]] = {  # task: the kinds of content that it is about
    "classification": ("array", "text", "image", "audio", "video", "table"),
    "regression": ("array", "text", "image", "audio", "video", "table"),
    "detection": ("image",),
    "segmentation": ("image",),
    "tagging": ("text",),
    "question_answering": ("table",),
    "clustering": ("array", "text", "image", "audio", "table"),
    "reduction": ("array", "text", "image", "audio", "table"),
    "control": ("table",),
}


def task_problems(project: Project) -> list[str]:
    """Return what does not fit the task of a project: its content, classes, split, and what asks for labels."""
    content, wanted = project.data.content, CONTENTS[project.task]
    if content.kind not in wanted:
        return [f"task {project.task} is about content of kind {' or '.join(wanted)}, not {content.kind}"]
    problems = [*_classes(project), *_columns(project), *_split(project)]
    return problems or (list(_labels(project)) if project.task in UNLABELLED else [])


def _classes(project: Project) -> Iterator[str]:
    task, classes = project.task, project.classes
    least = {"classification": 2, **dict.fromkeys((*CLASSLESS, *UNLABELLED), 0)}.get(task, 1)
    if len(classes) < least:
        yield f"classes must name at least {least} for the task {task}"
    if classes and task in (*CLASSLESS, "control"):
        yield f"classes mean nothing to the task {task}"
    if len(set(classes)) != len(classes):
        yield "classes names one twice"


def _columns(project: Project) -> Iterator[str]:
    content = project.data.content
    columns = content.columns if isinstance(content, TableContent) else {}
    if project.task == "question_answering" and any(
        name not in columns or columns[name].type != "text" for name in ("context", "question")
    ):
        yield "task question_answering needs the text columns context and question in data.content.columns"


def _split(project: Project) -> Iterator[str]:
    split, task = project.split, project.task
    if "stratified" not in (split.method, split.by if split.method in ("kfold", "nested") else ""):
        return
    if task in UNLABELLED:
        yield (
            f"split by stratified needs a label of every item, which the task {task} does not ask for: "
            "take random, grouped or time"
        )
    elif task in CLASSLESS:
        yield f"split by stratified needs classes, which the task {task} has not: take random, grouped or time"


def _labels(project: Project) -> Iterator[str]:
    """Yield what asks for labels in a project that learns without."""
    task, training = project.task, project.training
    if project.data.labelling:
        yield f"data.labelling means nothing to the task {task}, which learns without labels: leave it out"
    wrong = [f"training.{name}" for name in ("bias", "slices", "augmentation") if getattr(training, name)]
    wrong += ["training.tests.minimum"] * bool(training.tests.minimum and task != "control")
    wrong += ["retraining"] * ("retraining" in project.model_fields_set)
    wrong += [f"training.tests.behaviour.{one.name}" for one in training.tests.behaviour if one.kind == "directional"]
    yield from (f"{one}: it asks for labels, and the task {task} learns without: leave it out" for one in wrong)
