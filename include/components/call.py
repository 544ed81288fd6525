"""Running one component: its inputs and outputs checked, its memory limited, its errors told with the step's name."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from include.components import values
from include.components.declare import Component, Context
from include.components.errors import StepError, StepFailed
from include.components.types import Type
from include.errors import of_the_machine
from include.projects import Project
from include.projects.workflow import WorkflowStep

Files = dict[str, bytes]


def call(
    project: Project, name: str, one: Component, inputs: Mapping[str, Any], seed: int, say: Callable[[str], None]
) -> dict[str, Files]:
    """Run the component of a step and return its outputs as files, each checked; all of them or none.

    Args:
        project: whose workflow has the step.
        name: of the step.
        one: its component.
        inputs: values by name; lists where the component takes lists.
        seed: of everything random.
        say: takes one line for the log.

    Raises:
        StepError: the component raised, ended the process, or broke what it declares; another try would end alike.
        StepFailed: memory, disk or network were in its way.
    """
    assert project.workflow is not None
    step = project.workflow.steps[name]
    sizes: dict[str, int] = {}
    for key, value in inputs.items():
        need = one.inputs[key]
        for place, item in enumerate(value if need.many else [value]):
            if wrong := need.type.problem(item, sizes):
                raise StepError(name, one.use, f"input {key}{f'[{place}]' if need.many else ''} {wrong}")
    with _errors(name, one, step):
        try:
            made = _run(one, one.checked(step.params), inputs, Context(project, seed, say), step)
        except SystemExit as stop:
            if isinstance(stop.code, int) and stop.code >= 128:
                raise  # told to stop, by the signal handler of the job
            raise StepError(name, one.use, f"ended the process with {stop.code!r}: a component returns or raises") from stop
    found = _outputs(name, one, made, sizes)
    total = sum(values.size(value) for value in found.values())
    _room(name, one, step, total)
    with _errors(name, one, step):
        files = {key: values.dump(one.outputs[key], value) for key, value in found.items()}
    _room(name, one, step, sum(len(content) for output in files.values() for content in output.values()))
    return files


def _run(one: Component, params: dict[str, Any], inputs: Mapping[str, Any], context: Context, step: WorkflowStep) -> Any:
    import inspect

    given = dict(inputs)
    if one.takes_context:
        given["context"] = context
    with limited(step.memory_bytes):
        body: Any = one.body
        if not inspect.isclass(body):
            return body(**given, **params)
        if "context" in inspect.signature(body).parameters:
            params = {**params, "context": given.pop("context")}
        made: Any = body(**params)
        return made(**given)


def _outputs(name: str, one: Component, made: Any, sizes: dict[str, int]) -> dict[str, Any]:
    """Return the outputs by name.

    Raises:
        StepError: one is missing, unknown, or not of its type.
    """
    if len(one.outputs) == 1 and not (isinstance(made, dict) and set(made) == set(one.outputs)):
        made = {next(iter(one.outputs)): made}
    if not isinstance(made, dict):
        wanted = ", ".join(f"{key}: {kind}" for key, kind in one.outputs.items())
        raise StepError(name, one.use, f"returned {type(made).__name__}, wanted a dict with {wanted}")
    if absent := [key for key in one.outputs if key not in made]:
        has = ", ".join(map(repr, made)) or "none"
        raise StepError(name, one.use, f"returned no output {', '.join(absent)}, which it declares; it returned {has}")
    if unknown := [key for key in made if key not in one.outputs]:
        raise StepError(name, one.use, f"returned {', '.join(map(repr, unknown))}, which it does not declare; add it to outputs")
    for key, kind in one.outputs.items():
        if wrong := _problem(kind, made[key], sizes):
            raise StepError(name, one.use, f"output {key} {wrong}")
    return {key: made[key] for key in one.outputs}


def _problem(kind: Type, value: Any, sizes: dict[str, int]) -> str | None:
    return "is None, wanted " + str(kind) if value is None else kind.problem(value, sizes)


def _room(name: str, one: Component, step: WorkflowStep, size: int) -> None:
    if size > step.max_output_mb * 1e6:
        problem = f"its outputs take {size / 1e6:,.0f} MB, more than the {step.max_output_mb:g} MB of max_output_mb"
        raise StepError(name, one.use, f"{problem}: give back less, or raise it in project.yaml")


@contextlib.contextmanager
def _errors(name: str, one: Component, step: WorkflowStep) -> Iterator[None]:
    """Turn what a component raises into an error that names the step, the place in its code, and the message."""
    try:
        yield
    except (StepError, StepFailed):
        raise
    except Exception as cause:
        said = f"{type(cause).__name__}: {' '.join(str(cause).split()) or 'no message'}"
        if _of_memory(cause):
            limit = f"its limit of {step.memory}" if step.memory else "the memory of its environment"
            advice = "give the step more (memory in project.yaml), or work in smaller pieces"
            raise StepFailed(name, one.use, f"needs more than {limit} ({said}); {advice}") from cause
        where = _where(cause, one)
        if of_the_machine(cause):
            raise StepFailed(name, one.use, f"{said}{where}") from cause
        raise StepError(name, one.use, f"{said}{where}") from cause


def _of_memory(cause: BaseException) -> bool:
    return isinstance(cause, MemoryError) or (isinstance(cause, RuntimeError) and "allocate memory" in str(cause))


def _where(cause: BaseException, one: Component) -> str:
    """Return the last place in the component's own module that the error came through."""
    import sys

    file = str(sys.modules[one.body.__module__].__file__)
    places = [frame for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}, line {places[-1].lineno})" if places else ""


@contextlib.contextmanager
def limited(size: int | None) -> Iterator[None]:
    """Let the block take so many bytes of memory more than the process has now; asking for more raises MemoryError."""
    if size is None:
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = _data() + size
    if before[1] != resource.RLIM_INFINITY:
        most = min(most, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data() -> int:
    """Return how many bytes of private memory the process has, as Linux counts them for the limit."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
