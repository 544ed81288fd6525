"""Reading late true answers: ``{"truths": [{"request_id": ..., "labels": [...]}]}``."""

from __future__ import annotations

from typing import Any

from include.data.labels import problem
from include.inference.contents import kind_of
from include.inference.errors import invalid, too_large
from include.inference.requests import check_request_id, parse_object
from include.projects import Project

MAX_TRUTHS = 10_000
WANTED = {"regression": "send numbers, such as 371.2"}


def parse_truths(body: bytes, project: Project, max_rows: int) -> list[dict[str, Any]]:
    """Check the body and return the truths as ``{"id", "labels"}``, in the order sent.

    Args:
        body: JSON; at most 10,000 truths.
        project: its classes, or its task, say which labels can be.
        max_rows: the most labels of one request.

    Raises:
        ApiError: 422 or 413; nothing of the body is kept then.
    """
    entries = parse_object(body, frozenset({"truths"})).get("truths")
    if not project.has_true_answers:
        what = f"{project.task} has no true answers: its predictions are judged without them"
        raise invalid("no_truths", f"project {project.name} takes none", what, "truths")
    shape = 'send {"truths": [{"request_id": "...", "labels": ["3"]}]}, one label a row of the request'
    if not isinstance(entries, list) or not entries:
        raise invalid("bad_truths", "truths must be a list with at least one entry", shape, "truths")
    if len(entries) > MAX_TRUTHS:
        raise too_large(f"{len(entries)} truths in one request, at most {MAX_TRUTHS} are allowed", "send them in parts", "truths")
    return [_truth(entry, number, project, max_rows, shape) for number, entry in enumerate(entries)]


def _truth(entry: Any, row: int, project: Project, max_rows: int, shape: str) -> dict[str, Any]:
    field = f"truths[{row}]"
    if not isinstance(entry, dict) or entry.keys() != {"request_id", "labels"}:
        raise invalid("bad_truths", f"{field} must have exactly the keys request_id and labels", shape, field, row)
    request_id = check_request_id(entry["request_id"], f"{field}.request_id")
    labels = entry["labels"]
    if not isinstance(labels, list) or not 1 <= len(labels) <= max_rows:
        raise invalid("bad_truths", f"{field}.labels must be a list of 1 to {max_rows} labels", shape, f"{field}.labels", row)
    return {"id": request_id, "labels": [_label(label, f"{field}.labels[{n}]", row, project) for n, label in enumerate(labels)]}


def _label(label: Any, place: str, row: int, project: Project) -> str:
    """Return a label as text; of a regression a number will do."""
    if project.task == "regression" and isinstance(label, int | float) and not isinstance(label, bool):
        label = repr(label)
    if project.task == "classification":
        if isinstance(label, str) and label in project.classes:
            return label
        message = f"{place} is {str(label)[:80]!r}, which is no class of project {project.name}"
        raise invalid("unknown_label", message, f"the classes are {', '.join(project.classes)}", place, row)
    if not isinstance(label, str):
        raise invalid("unknown_label", f"{place} must be a text, not {kind_of(label)}", WANTED.get(project.task, ""), place, row)
    if wrong := problem(label, project):
        advice = WANTED.get(project.task, "send the label as rounds hold it")
        raise invalid("unknown_label", f"{place}: {wrong}", advice, place, row)
    return label
