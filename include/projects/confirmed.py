"""Which sections of a project.yaml are part of the code that is confirmed, in one list.

What changes what a model learns, answers or is judged by is part of it: such a change asks for a new confirmation before
it runs on ops data. Who is told or asked, when pipelines run, where jobs run, from where data is fetched (it has versions
of its own), what counts as drift, and prose for people are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from include.projects.project import Project

# A path of `include.projects.reference`: `*` is any name, `[]` any place of a list. What lies in a section that is part
# of the code is part of it too, where the list does not say otherwise; a section that is not is listed with each section
# in it, so that a new one is never left out by accident.
PART_OF_CODE: dict[str, bool] = {
    "name": True,
    "title": False,
    "description": False,
    "domain": False,
    "task": True,
    "classes": True,
    "owner": False,
    "data.source": False,
    "data.source.pagination": False,
    "data.more_sources": False,
    "data.start": False,
    "data.content": True,
    "data.checks": True,
    "data.refine": True,
    "data.quality": True,
    "data.review": False,
    "data.labelling": False,
    "data.masking": False,
    "data.masking.select": False,
    "data.masking.columns.*": False,
    "data.masking.content": False,
    "data.dictionaries": False,
    "data.dictionaries.*": False,
    "split": True,
    "components.preprocess": True,
    "components.model": True,
    "components.postprocess": True,
    "components.features": True,
    "components.source": False,
    "components.files": True,
    "feature_views": True,
    "feature_views.*.description": False,
    "feature_views.*.owner": False,
    "feature_views.*.tags": False,
    "feature_views.*.features.*.description": False,
    "transforms": True,
    "metrics": True,
    "metrics.*.what": False,
    "control": True,
    "workflow": True,
    "workflow.steps.*.title": False,
    "workflow.steps.*.environment": False,
    "workflow.steps.*.timeout_minutes": False,
    "workflow.steps.*.memory": False,
    "training.tuning": True,
    "training.tuning.resources": False,
    "training.families": True,
    "training.epochs": True,
    "training.workers": True,
    "training.start_from": True,
    "training.augmentation": True,
    "training.gate": True,
    "training.confirmation": False,
    "training.explain": True,
    "training.slices": True,
    "training.bias": True,
    "training.code_checks": True,
    "training.tests": True,
    "training.seed": True,
    "environments": False,
    "environments.default": False,
    "card": False,
    "release": True,
    "approval": False,
    "approval.steps[]": False,
    "monitoring": False,
    "retraining": True,
    "retraining.min_new_rows": False,
    "retraining.truth_wait_minutes": False,
}
SERVED = (
    "name",
    "task",
    "classes",
    "data.content",
    "components.preprocess",
    "components.postprocess",
    "components.files",
    "transforms",
)
"""Sections by which a release answers."""


def part_of_code(path: str) -> bool | None:
    """Tell whether a section or key is part of the code that is confirmed, by the nearest of the list at or above it.

    Args:
        path: as `include.projects.reference` names sections.

    Returns:
        None where some of it is and some is not, or nobody has said it.
    """
    way = _parts(path)
    for length in range(len(way), 0, -1):
        for listed, said in PART_OF_CODE.items():
            if _parts(listed) == way[:length]:
                return said
    return None


def confirmed_sections(project: Project) -> dict[str, str]:
    """Return the sections of a project that are part of its code: path -> SHA-256 of what stands there.

    A section that says nothing but defaults is left out, so that writing a default down changes nothing, and neither
    does a key that a later version of the product knows.
    """
    values = project.model_dump(mode="json", exclude={"folder"}, exclude_defaults=True, warnings=False)
    found = {}
    for path in (path for path, said in PART_OF_CODE.items() if said):
        value: Any = values
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        value = _without(value, tuple(_parts(path)))
        if value not in (None, {}, []):
            found[path] = hashlib.sha256(_canonical(value)).hexdigest()
    return found


def _without(value: Any, way: tuple[str, ...]) -> Any:
    """Return a value without what the list leaves out of it."""
    if isinstance(value, Mapping):
        kept = {name: one for name, one in value.items() if not _left_out((*way, name))}
        return {name: _without(one, (*way, name)) for name, one in kept.items()}
    if isinstance(value, list):
        return [_without(one, (*way, "[]")) for one in value]
    return value


def _left_out(way: tuple[str, ...]) -> bool:
    return any(not said and _fits(_parts(path), way) for path, said in PART_OF_CODE.items())


def _fits(pattern: list[str], way: tuple[str, ...]) -> bool:
    return len(pattern) == len(way) and all(one in ("*", part) for one, part in zip(pattern, way, strict=True))


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("[]", ".[]").split(".") if part]


def _canonical(value: Any) -> bytes:
    """Return JSON in one form; parameters of a project's own may hold NaN or lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def exceptions(path: str) -> Iterator[str]:
    """Yield what the list leaves out of a section that is part of the code, as paths below it."""
    yield from (one[len(path) :].lstrip(".") for one, said in PART_OF_CODE.items() if not said and one.startswith(f"{path}."))
