"""Pushing: the items of a version that have no label become tasks in Label Studio.

A version and pass has one project there, found by its title, and an item has one task in it, found by the item's id in
the task's ``meta``. So a run that died goes on where it stopped, and another run for the same version finds what
people answered already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from include.clients.labelling import TITLE, LabellingClient
from include.data import labels
from include.data.errors import ReferenceFault
from include.data.labelling.answers import Answer, to_result
from include.data.labelling.contents import about, task_data
from include.data.labelling.interfaces import label_config
from include.data.labelling.work import Work, rules, unlabelled
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

PAGE, PAGE_BYTES = 100, 8 << 20  # tasks of one import, all of which are taken or none
PREDICT = 256  # items that the model sees at a time

Predict = Callable[[Sequence[bytes]], Sequence[str | None]]
"""Takes contents and returns what a model says about each: a label of the project's task, or None."""


def push(
    settings: Settings,
    project: Project,
    version_ref: Ref,
    run_id: str,
    author: str,
    predict: Predict | None = None,
    model: str = "",
    only: Collection[str] | None = None,
    earlier: Ref | None = None,
    said: Mapping[str, Sequence[Answer]] | None = None,
) -> Ref:
    """Make tasks of a version's items without label; an item that has its task already gets no second one.

    Args:
        settings: data server and Label Studio.
        project: its task, classes, and ``data.labelling``.
        version_ref: the refined version.
        run_id: of the pipeline run.
        author: who asks for labels.
        predict: what a model says about contents, shown to people as a proposal.
        model: names that model.
        only: of those items, these alone.
        earlier: the reference of the pass before; None for the first.
        said: what people answered about an item before, shown to the next.

    Returns:
        The labelling reference: labelling_project, url, tasks (items that people label), new (tasks made now), passes
        (Label Studio's project of each), version (its reference), project, run_id, author. ``tasks`` is 0, and there is
        no project, where every item has a label.

    Raises:
        LabellingError: Label Studio does not answer, or refuses.
        ReferenceFault: project.yaml says nothing about labelling, or items cannot be shown.
    """
    wanted = rules(project)
    passes: list[int] = list(earlier["passes"]) if earlier else []
    version = {name: version_ref[name] for name in ("repository", "zone", "version", "commit")}
    base = {"version": version, "project": project.name, "run_id": run_id, "author": author}
    todo = sum(1 for _ in unlabelled(settings, project, version_ref, only, content=False))
    if not todo:
        last = passes[-1] if passes else None
        url = _url(settings, last) if last else None
        return {"labelling_project": last, "url": url, "tasks": 0, "new": 0, "passes": passes, **base}
    config = label_config(project)
    with LabellingClient(settings) as client:
        found = client.ensure_project(
            title(version, len(passes) + 1, config),
            config,
            description=f"{project.title}: {version['repository']} {version['version']}, pass {len(passes) + 1}",
            expert_instruction=wanted.instructions,
            show_instruction=bool(wanted.instructions),
            maximum_annotations=wanted.annotators,
            overlap_cohort_percentage=round(100 * wanted.overlap),
            # A skipped item counts as answered: otherwise it would come back for ever, and no run would end.
            skip_queue="IGNORE_SKIPPED",
            show_collab_predictions=True,
        )
        one = int(found["id"])
        known = set(_known(client, one))
        upload = _uploads(client, one)
        items = (item for item in unlabelled(settings, project, version_ref, only) if item.item_id not in known)
        new = 0
        for page in _pages(_tasks(items, project, upload, predict, model, said or {}, version["version"])):
            new += client.import_tasks(one, page)
        _once(client, one)
    return {"labelling_project": one, "url": _url(settings, one), "tasks": todo, "new": new, "passes": [*passes, one], **base}


def title(version: Mapping[str, Any], number: int, config: str) -> str:
    """Return the title of the project of a version and pass: readable, and unique through a hash."""
    told = json.dumps([version["repository"], version["commit"], number, config], ensure_ascii=False)
    mark = hashlib.sha256(told.encode()).hexdigest()[:8]
    end = f" {version['version']} · {number} · {mark}"
    return f"{version['repository'][: TITLE - len(end)]}{end}"


def _url(settings: Settings, project_id: int) -> str:
    return f"{settings.labelling_url.rstrip('/')}/projects/{project_id}/data"


def _known(client: LabellingClient, project_id: int) -> Iterator[str]:
    return (str(one["meta"]["item_id"]) for one in client.tasks(project_id) if (one.get("meta") or {}).get("item_id"))


def _uploads(client: LabellingClient, project_id: int) -> Callable[[str, bytes, str], str]:
    return lambda name, content, mime: client.upload(project_id, name, content, mime)


def _tasks(
    items: Iterable[Work],
    project: Project,
    upload: Callable[[str, bytes, str], str],
    predict: Predict | None,
    model: str,
    said: Mapping[str, Sequence[Answer]],
    version: str,
) -> Iterator[dict[str, Any]]:
    for lot in _lots(items):
        proposed = list(predict([item.content for item in lot])) if predict else [None] * len(lot)
        if len(proposed) != len(lot):
            problem = f"it said {len(proposed)} things about {len(lot)} items"
            raise ReferenceFault(f"model {model} of {project.name}", problem, "Correct what gives the proposals")
        for item, label in zip(lot, proposed, strict=True):
            try:
                content = about(item.content, project)
            except ValueError as cause:
                advice = "Leave out damaged items by data.refine, then make a version of what is left"
                raise ReferenceFault(f"item {item.item_id} ({item.key[:80]})", f"it cannot be shown: {cause}", advice) from cause
            given = [(model or "model", label), *((one.by, one.label) for one in said.get(item.item_id, ()))]
            predictions = [
                {"model_version": who, "result": to_result(label, project, content)}
                for who, label in given
                if label is not None and labels.problem(label, project, content) is None
            ]
            yield {
                "data": task_data(item.item_id, item.content, project, upload),
                "meta": {"item_id": item.item_id, "key": item.key[:500], "version": version},
                "predictions": predictions,
            }


def _lots(items: Iterable[Work]) -> Iterator[list[Work]]:
    lot: list[Work] = []
    held = 0
    for item in items:
        lot.append(item)
        held += len(item.content)
        if len(lot) >= PREDICT or held >= PAGE_BYTES:
            yield lot
            lot, held = [], 0
    if lot:
        yield lot


def _pages(tasks: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    held = 0
    for task in tasks:
        page.append(task)
        held += sum(len(value) for value in task["data"].values() if isinstance(value, str)) + 200
        if len(page) >= PAGE or held >= PAGE_BYTES:
            yield page
            page, held = [], 0
    if page:
        yield page


def _once(client: LabellingClient, project_id: int) -> None:
    """Delete the second task of an item: two tries at once, one of them thought dead, may have made it."""
    first: dict[str, int] = {}
    again: dict[int, str] = {}
    for task in sorted(client.tasks(project_id), key=lambda one: one["id"]):
        item = (task.get("meta") or {}).get("item_id")
        if item in first:
            again[task["id"]] = item
        elif item:
            first[item] = task["id"]
    if again:
        answered = {task["id"] for task in client.answered(project_id) if task["annotations"]}
        for one in again:
            if one not in answered:
                client.delete_task(one)
