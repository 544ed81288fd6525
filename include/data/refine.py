"""Refining: the steps of project.yaml turn the raw items of a round into those that models learn from.

The raw table stays as it was collected. The refined one lies beside it under the digest of its recipe,
``rounds/000001/refined/<digest>.parquet``, with a report that tells what each step left out and changed; a version
names the table that it is made of. So a changed recipe makes new tables and no old version moves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataNotFound, DataRepository
from include.data import items, rounds
from include.data.errors import RefineError
from include.data.items import Item, Totals
from include.data.labels import classes_of
from include.data.refine_steps import STEPS, Step
from include.projects import Project
from include.projects.refine import RefineStep
from include.settings import Settings

EXAMPLES = 5
FORMAT = 1


def refine_round(settings: Settings, project: Project, round_ref: rounds.Ref) -> dict[str, Any]:
    """Refine a round on its branch by the steps of ``data.refine``; the same round and recipe give the same table.

    Args:
        settings: the data server.
        project: ``data.refine`` names the steps; none leaves items as they are.
        round_ref: from `collect_round` or `collect_operating_round`.

    Returns:
        ``{"round", "commit", "recipe", "table", "count", "left_out", "digest", "labels", "labelled", "steps",
        "earlier"}``; each step with ``use``, ``params``, ``before``, ``after``, ``changed``, ``gone``, ``new`` and
        ``examples`` of keys that were left out. ``earlier`` names rounds before this one that were refined with it,
        because the recipe has changed since they were.

    Raises:
        RefineError: a step is unknown, raised, or gave something that is no item.
        CodeRefused: a step is of the project's own, the round is of ops data, and nobody confirmed the code.
    """
    _admit(settings, project, round_ref)
    repo = rounds.repository(settings, project, round_ref["zone"])
    number, recipe = round_ref["round"], recipe_digest(project)
    if not round_ref["count"]:
        nothing = {"count": 0, "left_out": 0, "steps": [], "earlier": []}
        return {"round": None, "commit": round_ref["commit"], "recipe": recipe, **nothing}
    if done := rounds.merged(repo, round_ref["run_id"], round_ref["kind"], source=round_ref["source"]):
        return report(repo, done.id, int(done.metadata["round"]), recipe)
    branch = round_ref["branch"]
    head, commit = repo.head(branch), rounds.round_commit(repo, branch)
    if rounds.refined_path(number, recipe) in repo.list(head, rounds.folder(number)):
        return report(repo, head, number, recipe)
    document = rounds.describe(repo, commit, number)
    found = _refine(repo, project, commit, document, branch, recipe)
    found["earlier"] = _earlier(repo, project, commit, branch, number, recipe)
    repo.put(branch, rounds.refined_path(number, recipe), items.dump(found))
    about = {**rounds.metadata("refine", document), "recipe": recipe, "count": found["count"], "left_out": found["left_out"]}
    repo.commit(branch, f"Round {number} refined: {found['count']} of {document['count']} items", about)
    return found


def _admit(settings: Settings, project: Project, round_ref: rounds.Ref) -> None:
    """Hold the project's own steps to what jobs are held to; a project without a model has nothing that confirms code."""
    own = [step.use for step in project.data.refine if ":" in step.use]
    if own and project.has_model and round_ref["zone"] == "ops":
        from include.management import admit

        admit(settings, project, True, f"refining by {', '.join(own)}", settings.actor)


def report(repo: DataRepository, ref: str, number: int, recipe: str) -> dict[str, Any]:
    """Return the report about a refined round.

    Raises:
        RefineError: the round was not refined by this recipe.
    """
    import json

    try:
        return dict(json.loads(repo.get(ref, rounds.refined_path(number, recipe))))
    except DataNotFound as cause:
        where = f"{repo.name}, round {number}"
        problem = "it was not refined by the steps that project.yaml names now"
        raise RefineError(where, problem, "Refine it first; data_preparation does, of earlier rounds too") from cause


def recipe_digest(project: Project) -> str:
    """Return the digest of the project's steps: their names, parameters and, of its own functions, their code."""
    steps = [{"use": step.use, "params": step.params, "code": _code(step, project)} for step in project.data.refine]
    return items.digest({"format": FORMAT, "steps": steps})


def _earlier(repo: DataRepository, project: Project, commit: str, branch: str, number: int, recipe: str) -> list[dict[str, Any]]:
    """Refine the rounds before one that this recipe has not refined yet, as the next version is made of all of them."""
    if not project.data.refine:
        return []
    made = []
    for one in rounds.numbers(repo, commit):
        document = rounds.describe(repo, commit, one) if one < number else {"kind": None}
        if document["kind"] not in rounds.ITEMS or rounds.refined_path(one, recipe) in repo.list(commit, rounds.folder(one)):
            continue
        found = {**_refine(repo, project, commit, document, branch, recipe), "earlier": []}
        repo.put(branch, rounds.refined_path(one, recipe), items.dump(found))
        made.append({name: found[name] for name in ("round", "table", "count", "left_out", "digest")})
    return made


def _refine(
    repo: DataRepository, project: Project, commit: str, document: dict[str, Any], branch: str, recipe: str
) -> dict[str, Any]:
    number, form = document["number"], project.data.content
    about = {"format": FORMAT, "round": number, "commit": commit, "recipe": recipe}
    if not project.data.refine:
        same = {name: document[name] for name in ("count", "digest", "labels", "labelled")}
        return {**about, "table": rounds.items_path(number), **same, "left_out": 0, "steps": []}
    with TemporaryDirectory(prefix="devmlops-refine-") as folder, items.opened(repo, commit, rounds.items_path(number)) as file:
        grouped = items.has_groups(file)
        write = partial(items.write, form=form, grouped=grouped, classes=partial(classes_of, project=project))
        now = Path(folder) / "0.parquet"
        totals, steps = write(now, items.stream(file)), []
        for place, step in enumerate(project.data.refine, 1):
            after = Path(folder) / f"{place}.parquet"
            before, run = totals, _step(step, project)
            totals = write(after, _guarded(partial(run, items.Table(now), form), step, project))
            steps.append({"use": step.use, "params": step.params, **_difference(before, totals, now, after)})
            now = after
        table = rounds.refined_path(number, recipe).replace(".json", ".parquet")
        repo.put(branch, table, now)
    fields = {"count": totals.count, "digest": totals.digest, "labels": dict(sorted(totals.labels.items()))}
    return {
        **about,
        "table": table,
        **fields,
        "labelled": totals.labelled,
        "left_out": max(document["count"] - totals.count, 0),
        "steps": steps,
    }


def _step(step: RefineStep, project: Project) -> Step:
    """Return the function of a step with its parameters bound.

    Raises:
        RefineError: there is no such step, or its parameters are not those that it takes.
    """
    where = f"data.refine of {project.name}, step {step.use}"
    if ":" in step.use:
        run = project.function("data.refine", step.use)
    elif step.use in STEPS:
        run = STEPS[step.use]
    else:
        advice = f"Take one of {', '.join(sorted(STEPS))}, or module:function of the project"
        raise RefineError(where, "there is no such step", advice)
    try:
        inspect.signature(run).bind(None, None, **step.params)
    except TypeError as cause:
        raise RefineError(where, f"its params do not fit: {cause}", "Correct params in project.yaml") from cause
    return partial(run, **step.params)


def _guarded(run: Callable[[], Iterator[Item]], step: RefineStep, project: Project) -> Iterator[Item]:
    where = f"data.refine of {project.name}, step {step.use}"
    try:
        for item in run():
            if not isinstance(item, Item):
                raise TypeError(f"it gave {type(item).__name__}, wanted include.data.items.Item")
            if not isinstance(item.key, str) or not isinstance(item.content, bytes) or not isinstance(item.label, str | None):
                raise TypeError("it gave an item whose key is no text, content no bytes, or label neither text nor None")
            yield item
    except RefineError:
        raise
    except Exception as cause:
        raise RefineError(where, f"{type(cause).__name__}: {cause}", "Correct the step or its params, then try again") from cause


def _difference(before: Totals, after: Totals, old: Path, new: Path) -> dict[str, Any]:
    """Return what one step did: items before and after, changed ones, and keys that are gone."""
    ids: list[dict[str, str]] = []
    for path in (old, new):
        ids.append(dict(items.Table(path).ids()))
    was, now = ids
    gone = [key for key in was if key not in now]
    changed = sum(now[key] != one for key, one in was.items() if key in now)
    counts = {"before": before.count, "after": after.count, "changed": changed, "gone": len(gone)}
    return {**counts, "new": sum(key not in was for key in now), "examples": gone[:EXAMPLES]}


def _code(step: RefineStep, project: Project) -> str | None:
    """Return the source of the project's module that holds a step; built-in steps go by their name."""
    if ":" not in step.use:
        return None
    module = inspect.getmodule(project.function("data.refine", step.use))
    return inspect.getsource(module) if module else None
