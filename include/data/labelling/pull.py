"""Pulling: what people answered comes back as labels, and what they do not agree on goes to them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from include.clients.labelling import LabellingClient
from include.data import labels
from include.data.labelling.agreement import consensus, item_agreement, overall
from include.data.labelling.answers import Answer, to_label
from include.data.labelling.contents import about
from include.data.labelling.push import push
from include.data.labelling.work import rules, unlabelled
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings

EXAMPLES = 5

Told = tuple[bool, list[Answer]]
"""One pass about one item: whether as many people answered as shall, and what they said."""


@dataclass(frozen=True)
class Labelled:
    """What came of one item.

    Attributes:
        item_id: the item.
        state: ``agreed``, ``disputed``, or ``missing`` where too few people have said anything yet.
        label: what was agreed on.
        agreement: from 0 to 1; None where one person alone labels the item.
        answers: everything that people said about it, pass by pass.
    """

    item_id: str
    state: Literal["agreed", "disputed", "missing"]
    label: str | None
    agreement: float | None
    answers: list[Answer] = field(default_factory=list)


def pull(settings: Settings, project: Project, labelling_ref: Ref) -> Iterator[Labelled]:
    """Yield what came of each item that was pushed, in the order of Label Studio's tasks.

    Where an item was labelled in several passes, the newest decides in which enough people answered; what was said
    before is kept beside it.

    Args:
        settings: data server and Label Studio.
        project: its task, and ``data.labelling``.
        labelling_ref: from `push` or `send_back`.

    Raises:
        LabellingError: Label Studio does not answer, or a project of it is gone.
    """
    if not labelling_ref["passes"]:
        return
    placed = project.task not in ("classification", "regression")
    contents = {
        item.item_id: about(item.content, project) if placed else None
        for item in unlabelled(settings, project, labelling_ref["version"], content=placed)
    }
    with LabellingClient(settings) as client:
        people = client.people()

        def answers(number: int) -> Iterator[tuple[str, Told]]:
            for task in client.answered(labelling_ref["passes"][number - 1]):
                item = (task.get("meta") or {}).get("item_id")
                if item in contents:
                    told = [_answer(one, number, people, project, contents[item]) for one in task["annotations"]]
                    yield item, (bool(task["is_labeled"]), told)

        later: dict[str, list[Told]] = {}  # what is sent back is little
        for number in range(2, len(labelling_ref["passes"]) + 1):
            for item, told in answers(number):
                later.setdefault(item, []).append(told)
        seen: set[str] = set()
        for item, told in answers(1):
            if item not in seen:
                seen.add(item)
                yield decide(item, [told, *later.pop(item, ())], project)


def send_back(settings: Settings, project: Project, labelling_ref: Ref, run_id: str, author: str) -> Ref:
    """Send what people did not agree on to another pass, with what they said before in front of the next.

    Args:
        settings: data server and Label Studio.
        project: ``data.labelling.passes`` and ``min_agreement``.
        labelling_ref: of the pass before.
        run_id: of the pipeline run.
        author: who asks.

    Returns:
        The labelling reference of the new pass; ``tasks`` is 0 where there is nothing to send back.
    """
    if len(labelling_ref["passes"]) >= rules(project).passes or not labelling_ref["passes"]:
        return {**labelling_ref, "tasks": 0, "new": 0}
    open_items = {one.item_id: one.answers for one in pull(settings, project, labelling_ref) if one.state == "disputed"}
    if not open_items:
        return {**labelling_ref, "tasks": 0, "new": 0}
    version = labelling_ref["version"]
    return push(settings, project, version, run_id, author, only=open_items.keys(), earlier=labelling_ref, said=open_items)


def decide(item_id: str, passes: Sequence[Told], project: Project) -> Labelled:
    """Return what came of one item.

    Args:
        item_id: the item.
        passes: for each pass, oldest first: whether as many people answered as shall, and their answers. Of several by
            one person in one pass the last counts; one who skipped the item agrees with nobody.
        project: ``data.labelling.min_agreement``.
    """
    told = [answer for _, answers in passes for answer in sorted(answers, key=lambda one: one.at)]
    for number, (finished, _) in reversed(list(enumerate(passes))):
        given = {one.by: one.label for one in sorted(passes[number][1], key=lambda one: one.at)}
        said = [label for label in given.values() if label is not None]
        if not said or not finished or (len(said) < 2 and number):
            continue
        agreement, label = item_agreement(said, project), consensus(said, project)
        alone = len(said) == 1 < len(given)
        if label is None or alone or (agreement is not None and agreement < rules(project).min_agreement):
            return Labelled(item_id, "disputed", None, 0.0 if alone else agreement, told)
        return Labelled(item_id, "agreed", label, agreement, told)
    return Labelled(item_id, "missing", None, None, told)


def summary(found: Iterable[Labelled], project: Project) -> dict[str, Any]:
    """Return the numbers of a pull.

    Returns:
        ``agreed``, ``disputed``, ``missing`` (items), ``labels`` (agreed ones by class), ``invalid`` (answers that are
        no label, with examples) and ``agreement`` (`include.data.labelling.agreement.overall`).
    """
    states: Counter[str] = Counter(agreed=0, disputed=0, missing=0)
    names: Counter[str] = Counter()
    answers: list[Mapping[str, str]] = []
    invalid: list[str] = []
    for one in found:
        states[one.state] += 1
        names.update(labels.classes_of(one.label, project) if one.label is not None else [])
        first = [answer for answer in one.answers if answer.round == 1]
        answers.append({answer.by: answer.label for answer in first if answer.label is not None})
        invalid += [f"{one.item_id[:12]} by {answer.by}: {answer.problem}" for answer in one.answers if answer.problem]
    return {
        **states,
        "labels": dict(sorted(names.items())),
        "invalid": {"count": len(invalid), "examples": invalid[:EXAMPLES]},
        "agreement": overall(answers, project),
    }


def _answer(one: Mapping[str, Any], number: int, people: Mapping[int, str], project: Project, content: Any) -> Answer:
    who = one["completed_by"]
    by = who["email"] if isinstance(who, Mapping) else people.get(who) or f"person {who}"
    at = str(one.get("updated_at") or one.get("created_at") or "")
    if one.get("was_cancelled"):
        return Answer(by, None, at, number)
    try:
        label = to_label(one["result"], project, content)
        problem = labels.problem(label, project, content) if label is not None else None
    except ValueError as cause:
        label, problem = None, str(cause)
    return Answer(by, None if problem else label, at, number, problem)
