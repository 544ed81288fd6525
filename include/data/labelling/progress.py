"""How far people are with labelling."""

from __future__ import annotations

from typing import Any

from include.clients.labelling import LabellingClient
from include.data.labelling.work import rules
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings


def progress(settings: Settings, project: Project, labelling_ref: Ref) -> dict[str, Any]:
    """Return how far the newest pass is, by counts that Label Studio keeps: one request however many tasks.

    Args:
        settings: Label Studio.
        project: ``data.labelling.done`` says when it is enough.
        labelling_ref: from `push` or `send_back`.

    Returns:
        ``tasks``, ``done`` (tasks that as many people answered as shall), ``begun`` (tasks that somebody answered),
        ``answers``, ``skipped``, ``share`` (of tasks done, 0 to 1) and ``ready`` (whether that is enough).

    Raises:
        LabellingError: Label Studio does not answer, or the project is gone.
    """
    if not labelling_ref["tasks"]:
        return {"tasks": 0, "done": 0, "begun": 0, "answers": 0, "skipped": 0, "share": 1.0, "ready": True}
    with LabellingClient(settings) as client:
        found = client.project(labelling_ref["labelling_project"])
    tasks, done = int(found["task_number"] or 0), int(found["finished_task_number"] or 0)
    share = done / tasks if tasks else 0.0
    return {
        "tasks": tasks,
        "done": done,
        "begun": int(found["num_tasks_with_annotations"] or 0),
        "answers": int(found["total_annotations_number"] or 0),
        "skipped": int(found["skipped_annotations_number"] or 0),
        "share": round(share, 6),
        "ready": tasks > 0 and share >= rules(project).done,
    }
