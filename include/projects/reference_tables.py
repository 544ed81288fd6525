"""Tables for the reference of project.yaml: transforms, augmentations and metrics by name, made from what reads the file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from include.projects.augmentation import PICTURE, SERIES, TEXT
from include.projects.forms import described, limits, sections
from include.projects.measures import BY_OUTPUTS, MEASURES
from include.projects.metrics import BUILT_IN, Direction
from include.projects.transforms import TRANSFORMS

WAYS: dict[Direction, str] = {"max": "higher is better", "min": "lower is better"}


def tables(path: str) -> list[str]:
    """Return the lines of the tables that belong to a section of the file; none for most.

    Args:
        path: of the section, as `include.projects.reference.Section` has it.
    """
    made = {
        "transforms[]": _transforms,
        "training.augmentation.steps[]": _augmentations,
        "metrics.*": _metrics,
        "training.tuning": _measures,
    }
    return ["", *made[path]()] if path in made else []


def _transforms() -> Iterator[str]:
    yield from ("### Transforms", "", "| name | what it does | for columns of type | for items of kind | params |")
    yield "|---|---|---|---|---|"
    for name, model in TRANSFORMS.items():
        kinds = f"{', '.join(model.columns)} | {', '.join(model.items)}"
        yield f"| `{name}` | {_doc(model)} | {kinds} | {_params(model)} |"


def _augmentations() -> Iterator[str]:
    groups: dict[str, Mapping[str, type[BaseModel]]] = {
        "Pictures (images, and arrays of two or three axes)": PICTURE,
        "Series (arrays of one or two axes)": SERIES,
        "Texts": TEXT,
    }
    for number, (title, known) in enumerate(groups.items()):
        yield from ([""] if number else [])
        yield from (f"### {title}", "", "| name | what it does | params |", "|---|---|---|")
        yield from (f"| `{name}` | {_doc(model)} | {_params(model)} |" for name, model in known.items())


def _metrics() -> Iterator[str]:
    yield from ("### Built-in metrics", "", "What evaluations measure and a gate may name beside a project's own; the first of a")
    yield from ("task is the gate's where it names none.", "", "| name | task | which way | what it is |", "|---|---|---|---|")
    yield from (f"| `{name}` | {one.task} | {WAYS[one.direction]} | {one.what} |" for name, one in BUILT_IN.items())


def _measures() -> Iterator[str]:
    yield from ("### Metrics of a search", "", "What `metric` may name; the first of a task decides where it names none. For the")
    yield f"tasks {' and '.join(BY_OUTPUTS)} each other registered metric may decide too, a project's own among them, with"
    yield from ("`validation_` before its name.", "", "| name | task | which way | what it is |", "|---|---|---|---|")
    for task, known in MEASURES.items():
        yield from (f"| `{name}` | {task} | {WAYS[one.direction]} | {one.what} |" for name, one in known.items())


def _doc(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split())


def _params(model: type[BaseModel]) -> str:
    """Return what a model takes in one cell: each parameter with its type, its default and what it means."""
    found = []
    for name, field in sections(model):
        default = "" if field.default in (None, {}) else f", default `{json.dumps(field.default, ensure_ascii=False)}`"
        kind = ", ".join(filter(None, (described(field), limits(field))))
        found.append(f"`{name}` ({kind}{default}): {field.description}")
    return "<br>".join(found).replace("|", "\\|") or "none"
