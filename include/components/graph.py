"""The graph of a workflow: checked when project.yaml is read, and followed by the pipeline."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.components.declare import Component, param_problems
from include.components.errors import ComponentError
from include.components.registry import find
from include.components.types import FileType, LabelsType, MetricsType, ModelType, Type, items_type

if TYPE_CHECKING:
    from include.projects import Project

DATA = "data"
PARTS = ("train", "validation")
RECORDS = (MetricsType, FileType)  # kept with the step, whether something takes them or not
NO_TEST = "the test part is for the evaluation of the model alone: no step may see it"


@dataclass(frozen=True)
class Edge:
    """One connection: from the output of a step (or of ``data``) to the input of another."""

    source: str
    output: str
    step: str
    input: str
    type: Type


def sources(project: Project) -> dict[str, Type]:
    """Return what steps may take of the project's data, and its types."""
    items = items_type(project.data.content)
    found: dict[str, Type] = {}
    for part in PARTS:
        found |= {part: items, f"{part}_labels": LabelsType()}
    return found


def components(project: Project) -> dict[str, Component]:
    """Return the component of each step.

    Raises:
        ComponentError: there is none, or it may not be used.
    """
    assert project.workflow is not None
    return {name: find(step.use, project) for name, step in project.workflow.steps.items()}


def edges(project: Project) -> list[Edge]:
    """Return all connections of a workflow that was checked."""
    assert project.workflow is not None
    known, found = components(project), []
    for name, step in project.workflow.steps.items():
        for wanted, references in step.references().items():
            for reference in references:
                source, _, output = reference.partition(".")
                kind = sources(project)[output] if source == DATA else known[source].outputs[output]
                found.append(Edge(source, output, name, wanted, kind))
    return found


def order(project: Project) -> list[str]:
    """Return the steps, each behind those that it needs; steps that need nothing of each other in their written order."""
    assert project.workflow is not None
    needs = _needs(project)
    found: list[str] = []
    while len(found) < len(needs):
        found += [name for name in needs if name not in found and needs[name] <= set(found)][:1] or _raise(needs, found)
    return found


def upstream(project: Project, step: str) -> list[str]:
    """Return the steps whose outputs a step takes, each once, in their written order."""
    needs = _needs(project)
    return [name for name in needs if name in needs[step]]


def problems(project: Project) -> list[str]:
    """Return everything that is wrong with a workflow: the path in project.yaml, what is wrong, what would be right."""
    workflow = project.workflow
    assert workflow is not None
    known: dict[str, Component] = {}
    found: list[str] = []
    for name, step in workflow.steps.items():
        try:
            known[name] = find(step.use, project)
        except ComponentError as cause:
            found.append(f"workflow.steps.{name}.use: {cause}")
    used: set[str] = set()
    for name, step in workflow.steps.items():
        path = f"workflow.steps.{name}"
        for wanted, references in step.references().items():
            used |= set(references)
            if name in known:
                found += _connection(project, known, path, known[name], wanted, references, isinstance(step.inputs[wanted], list))
        if name in known:
            absent = [key for key, one in known[name].inputs.items() if not one.optional and key not in step.inputs]
            found += [f"{path}.inputs: {known[name].use} needs {key} ({known[name].inputs[key]})" for key in absent]
            found += [f"{path}.params.{key}: {said}" for key, said in param_problems(known[name], step.params)]
    found += _model(project, known)
    used.add(workflow.model)
    idle = [one for name in known for one in _unused(workflow.steps[name].unused, name, known[name], used)]
    found += idle
    if circle := _circle(_needs(project)):
        found.append(f"workflow.steps.{circle[0]}.inputs: steps wait for each other in a circle: {' -> '.join(circle)}")
    elif not found:
        found += _beside(project, known)
    return found


def _connection(
    project: Project, known: Mapping[str, Component], path: str, one: Component, wanted: str, references: list[str], listed: bool
) -> list[str]:
    where = f"{path}.inputs.{wanted}"
    if wanted not in one.inputs:
        return [f"{where}: {one.use} has no such input; {_near(wanted, one.inputs)}"]
    need, found = one.inputs[wanted], []
    if need.many and not references:
        found.append(f"{where}: the list is empty; name at least one output of {need.type}")
    if not need.many and listed:
        return [f"{where}: {one.use} takes one {need.type}, not a list"]
    if len(set(references)) != len(references):
        found.append(f"{where}: names the same output twice")
    for reference in references:
        given = _type_of(project, known, reference)
        if isinstance(given, str):
            found.append(f"{where}: {given}")
        elif given is not None and not need.type.takes(given):
            found.append(f"{where}: {one.use} takes {need.type}, and {reference} is {given}")
    return found


def _type_of(project: Project, known: Mapping[str, Component], reference: str) -> Type | str | None:
    """Return the type of an output, what is wrong with the reference as text, None where its step is wrong itself."""
    assert project.workflow is not None
    source, dot, output = reference.partition(".")
    if not dot or not output:
        return f"{reference!r} names no output: write step.output, such as {DATA}.train"
    if source == DATA:
        data = sources(project)
        if output in ("test", "test_labels"):
            return NO_TEST
        return data.get(output) or f"there is no {reference}; {_near(output, data, f'{DATA}.')}"
    if source not in project.workflow.steps:
        return f"there is no step {source!r}; {_near(source, [*project.workflow.steps, DATA])}"
    if source not in known:
        return None
    outputs = known[source].outputs
    return outputs.get(output) or f"{known[source].use} of step {source} declares no output {output!r}; {_near(output, outputs)}"


def _model(project: Project, known: Mapping[str, Component]) -> list[str]:
    assert project.workflow is not None
    given = _type_of(project, known, project.workflow.model)
    if isinstance(given, str):
        return [f"workflow.model: {given}"]
    if given is not None and not isinstance(given, ModelType):
        models = [f"{name}.{key}" for name, one in known.items() for key, it in one.outputs.items() if isinstance(it, ModelType)]
        there = f"models are {', '.join(models)}" if models else "no step gives a Model: add one of kind train"
        return [f"workflow.model: {project.workflow.model} is {given}, wanted a Model; {there}"]
    return []


def _unused(named: list[str], step: str, one: Component, used: set[str]) -> list[str]:
    """Return the outputs that nothing takes, and those that are wrongly said to be unused; records are kept anyhow."""
    path, found = f"workflow.steps.{step}", []
    for output, kind in one.outputs.items():
        if output in named or f"{step}.{output}" in used or isinstance(kind, RECORDS):
            continue
        found.append(f"{path}: nothing takes its output {output} ({kind}): connect it, or put it into {path}.unused")
    for output in named:
        if output not in one.outputs:
            found.append(f"{path}.unused: {one.use} declares no output {output!r}; {_near(output, one.outputs)}")
        elif f"{step}.{output}" in used:
            found.append(f"{path}.unused: {output} is taken by another step or is the model: leave it out of unused")
    return found


def _beside(project: Project, known: Mapping[str, Component]) -> list[str]:
    """Return the steps that the model does not need; those that give records alone stand beside it."""
    assert project.workflow is not None
    needs = _needs(project)
    wanted, todo = set[str](), [project.workflow.model.partition(".")[0]]
    todo += [name for name, one in known.items() if all(isinstance(it, RECORDS) for it in one.outputs.values())]
    while todo:
        name = todo.pop()
        if name not in wanted and name in needs:
            wanted.add(name)
            todo += needs[name]
    left = [name for name in known if name not in wanted]
    advice = "connect it to what leads there, or leave it out"
    return [f"workflow.steps.{name}: does not lead to {project.workflow.model}: {advice}" for name in left]


def _needs(project: Project) -> dict[str, set[str]]:
    assert project.workflow is not None
    steps = project.workflow.steps
    found = {}
    for name, step in steps.items():
        named = {reference.partition(".")[0] for references in step.references().values() for reference in references}
        found[name] = named & set(steps)
    return found


def _circle(needs: Mapping[str, set[str]]) -> list[str] | None:
    done: set[str] = set()

    def follow(name: str, trail: list[str]) -> list[str] | None:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return None
        for one in sorted(needs[name]):
            if circle := follow(one, [*trail, name]):
                return circle
        done.add(name)
        return None

    for name in needs:
        if circle := follow(name, []):
            return circle
    return None


def _raise(needs: Mapping[str, set[str]], found: list[str]) -> list[str]:
    raise ComponentError(f"steps wait for each other: {', '.join(sorted(set(needs) - set(found)))}")


def _near(name: str, known: Iterable[str], prefix: str = "") -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    guess = f"did you mean {prefix}{close[0]}? " if close else ""
    return f"{guess}there are {', '.join(prefix + one for one in names) or 'none'}"
