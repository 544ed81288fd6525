"""Tries each component of a project on a few rows: ``python -m include.training.code_checks_probe ORDER RESULT``.

It runs the project's code, so it runs in a process of its own, within limits and without credentials
(`include.training.code_checks`). Each step is told before it begins, so that one that never ends has a name.
"""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.projects import Project, ProjectError
from include.projects.answers import problem as answer_problem
from include.training.errors import InputError
from include.training.learners import FAMILY, Fitted, Learner, build, learner
from include.training.network import forward, problem
from include.training.parts import Arrays, prepare
from include.training.preparation import fit
from include.training.space import Point, sample, spaces

STEP = "step "
ALONE = 1e-4  # how far a row's result may differ when it comes alone: float32 sums in another order


class Stop(Exception):
    """A step failed, and those behind it need what it makes."""


class Probe:
    """Collects what is wrong: file, line, rule and message.

    Args:
        project: whose code.
    """

    def __init__(self, project: Project) -> None:
        self.project, self.problems = project, []  # type: ignore[var-annotated]

    def wrong(self, reference: str | None, rule: str, message: str, line: int = 1) -> None:
        """Note a problem of the function ``module:name``, or of project.yaml where there is none."""
        module, _, name = (reference or "").partition(":")
        if reference and line == 1:
            found = getattr(sys.modules.get(f"include.projects.{self.project.name}.{module}"), name, None)
            line = getattr(getattr(found, "__code__", None), "co_firstlineno", 1)
        self.problems.append([f"{module.replace('.', '/')}.py" if reference else "project.yaml", line, rule, message])

    @contextmanager
    def step(self, rule: str, reference: str | None, what: str) -> Iterator[None]:
        """Do a step; what it raises is a problem with the place in the project's code that it comes from.

        Raises:
            Stop: it raised.
        """
        print(f"{STEP}{json.dumps([rule, reference, what])}", flush=True)
        try:
            yield
        except Stop:
            raise
        except (InputError, ProjectError) as error:
            cause = error.__cause__ or error
            self._raised(cause, reference, rule, f"{what}: {error}")
            raise Stop from error
        except (Exception, SystemExit) as error:
            self._raised(error, reference, rule, f"{what}: {type(error).__name__}: {error}")
            raise Stop from error

    def _raised(self, error: BaseException, reference: str | None, rule: str, message: str) -> None:
        folder = self.project.folder.resolve()
        if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve().is_relative_to(folder):
            file = Path(error.filename).resolve().relative_to(folder).as_posix()
            self.problems.append([file, error.lineno or 1, rule, message])
            return
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            path = Path(frame.filename).resolve()
            if path.is_relative_to(folder):
                self.problems.append([path.relative_to(folder).as_posix(), frame.lineno or 1, rule, message])
                return
        self.wrong(reference, rule, message)


def references(project: Project) -> dict[str, str]:
    """Return every function that project.yaml names or leaves to its default, by its place there."""
    own, found = project.components, {}
    for kind in ("preprocess", "model", "postprocess", "features", "source"):
        reference = getattr(own, kind)
        there = reference and (project.folder / f"{reference.partition(':')[0].replace('.', '/')}.py").is_file()
        instead = {"preprocess": project.transforms, "model": project.training.families or project.workflow}
        unused = bool(instead.get(kind))
        if reference and not unused and (there or kind in own.model_fields_set or kind in ("preprocess", "model")):
            found[f"components.{kind}"] = reference
    found |= {f"training.families.{name}.model": one.model for name, one in project.training.families.items()}
    found |= {f"metrics.{name}": one.function for name, one in project.metrics.items() if one.function}
    tests = project.training.tests
    found |= {f"training.tests.{one.name}": one.function for one in tests.behaviour}
    return found | {f"training.tests.{one.name}": one.function for one in tests.minimum}


def points(project: Project) -> list[Point]:
    """Return one point of the search's space for each family of models."""
    found: dict[Any, Point] = {}
    wanted = set(spaces(project))
    for number in range(1, 1000):
        point = sample(project, number)
        found.setdefault(point.get(FAMILY, ""), point)
        if set(found) >= wanted:
            break
    return list(found.values())


def check(project: Project, contents: Any, labels: Any) -> list[list[Any]]:
    """Return what is wrong with the project's components: file, line, rule, message.

    Args:
        project: the project.
        contents: a few items of the training part.
        labels: class indices, or numbers.
    """
    probe = Probe(project)
    missing = False
    for place, reference in references(project).items():
        try:
            with probe.step("import", reference, f"importing {place}"):
                project.function(place, reference)
        except Stop:
            missing = True
    if missing:
        return probe.problems
    try:
        part = _prepared(probe, contents, labels)
        for point in points(project):
            _model(probe, part, point)
    except Stop:
        pass
    return probe.problems


def _prepared(probe: Probe, contents: Any, labels: Any) -> Arrays:
    import numpy as np

    project = probe.project
    reference = None if project.transforms else project.components.preprocess
    given = pickle.dumps(contents)
    with probe.step("prepare", reference, "preparing items"):
        ready = fit(project, contents)
        part = prepare(project, contents, labels, "train", preparation=ready)
    if part.inputs.ndim < 2:
        probe.wrong(reference, "shape", f"preparing must give a row of numbers for each item, not {part.inputs.shape}")
        raise Stop
    with probe.step("prepare", reference, "preparing one item alone"):
        alone = ready(contents[:1])
    if alone.shape != part.inputs[:1].shape or not np.allclose(alone, part.inputs[:1], atol=ALONE, rtol=ALONE):
        probe.wrong(reference, "alone", "an item is prepared otherwise when it comes alone than in company")
    before = pickle.loads(given)  # nosec B301: made above. Bytes may differ where nothing else does
    if not (contents.equals(before) if hasattr(contents, "equals") else np.array_equal(contents, before)):
        probe.wrong(reference, "input-changed", "preparing changes the items that it is given; work on a copy")
    return part


def _model(probe: Probe, part: Arrays, point: Point) -> None:
    project = probe.project
    family = point.get(FAMILY)
    reference: str | None = project.training.families[family].model if family else project.components.model
    told = f"with {point}" if point else "without parameters"
    if project.workflow:  # its steps build what they train
        reference = None
    with probe.step("build", reference, f"building the model {told}"):
        built = None if project.workflow else build(project, point)
        teacher = learner(project, point)
    if hasattr(built, "state_dict") and not isinstance(built, Learner):
        _forward(probe, reference, built, part)
    with probe.step("fit", reference, f"learning from {len(part.labels)} rows {told}"):
        fitted = teacher.fit(project, point, {"train": part, "validation": part}, project.training.seed, 1)
        fitted.preparation = part.preparation
    _outputs(probe, reference, fitted, part)
    _export(probe, reference, fitted, part)


def _forward(probe: Probe, reference: str | None, module: Any, part: Arrays) -> None:
    import torch

    with probe.step("forward", reference, f"a batch of {part.inputs.shape}"):
        outputs = forward(module, torch.from_numpy(part.inputs.copy()))
    if wrong := problem(probe.project, outputs, len(part.inputs)):
        probe.wrong(reference, wrong[0], f"the model {wrong[1]}")
        raise Stop
    if isinstance(outputs, torch.Tensor) and not torch.isfinite(outputs).all():
        probe.wrong(reference, "not-finite", "the model's outputs are not finite before it has learnt anything")
        raise Stop


def _outputs(probe: Probe, reference: str | None, fitted: Fitted, part: Arrays) -> None:
    import numpy as np

    project, rows = probe.project, len(part.labels)
    with probe.step("predict", reference, "predicting"):
        outputs = np.asarray(fitted.predict(part.inputs))
    wanted = {"classification": (rows, len(project.classes)), "regression": (rows,)}.get(project.task)
    if (wanted and outputs.shape != wanted) or len(outputs) != rows:
        probe.wrong(reference, "shape", f"predictions are {outputs.shape}, wanted {wanted or (rows, '...')}")
        raise Stop
    if not np.isfinite(outputs).all():
        probe.wrong(reference, "not-finite", "predictions are not finite")
        raise Stop


def _export(probe: Probe, reference: str | None, fitted: Fitted, part: Arrays) -> None:
    """Export it, run what was exported, and give its outputs to the postprocess component."""
    import numpy as np
    import onnxruntime

    from include.release.inference_code import components, postprocess_of

    project = probe.project
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        with probe.step("export", reference, "exporting as ONNX"):
            fitted.export(part.inputs, path)
            session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
            outputs = np.asarray(session.run(None, {session.get_inputs()[0].name: part.inputs})[0])
    if len(outputs) != len(part.labels) or not np.isfinite(outputs).all():
        probe.wrong(reference, "export", f"as ONNX it gives {outputs.shape}, or values that are not finite")
        raise Stop
    own = components(project)["postprocess"]
    with probe.step("postprocess", own, f"turning outputs {outputs.shape} into answers"):
        answers = postprocess_of(project)(outputs.copy())
        said = answer_problem(answers, project.task, len(part.labels), len(project.classes))
    if said:
        probe.wrong(own, "answers", f"answers are not what they should be: {said}")


def main(order: str, result: str) -> None:
    """Check what the order names, and write the problems."""
    given = pickle.loads(Path(order).read_bytes())  # nosec B301: written by the process that started this one
    problems = check(given["project"], given["contents"], given["labels"])
    Path(result).write_text(json.dumps(problems, ensure_ascii=True), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
