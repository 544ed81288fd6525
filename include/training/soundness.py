"""What every model must do: tests that no project has to ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.answers import problem as answer_problem
from include.projects.tasks import UNLABELLED
from include.training.learners import Fitted, learner, predict
from include.training.parts import Arrays

if TYPE_CHECKING:
    import numpy as np

CLOSE = 1e-4  # how far answers of the same model may lie apart: float32 sums in another order
SERVED = 1e-3  # the same between the model and its ONNX form
ALONE = 16  # rows that are also answered one by one
SERVED_ROWS = 256
Check = dict[str, Any]


def check(kind: str, name: str, value: float, limit: str, ok: bool, note: str = "") -> Check:
    """Return the outcome of one test."""
    return {"kind": kind, "name": name, "value": float(value), "limit": limit, "ok": bool(ok), "note": note}


def unit(project: Project, fitted: Fitted, params: Mapping[str, Any], test: Arrays) -> list[Check]:
    """Test what every model must do: finite answers of the right shape, the same each time, alone, and after keeping."""
    import numpy as np

    rows = len(test.labels)
    outputs = np.asarray(predict(fitted, project, test.contents))
    wanted = (rows, len(project.classes)) if project.task == "classification" else (rows,)
    if project.task in UNLABELLED:
        wanted = (rows, outputs.shape[-1])  # clusters, dimensions or actions: the model says how many
    if outputs.shape != wanted:
        note = f"outputs are {outputs.shape}"
        return [check("unit", "rows with outputs of the right shape", 0, f"{wanted}", False, note)]
    wrong = int((~np.isfinite(outputs.reshape(rows, -1)).all(1)).sum())
    made = [check("unit", "rows without a finite answer", wrong, "0", wrong == 0)]
    if wrong:
        return made
    scale = max(1.0, float(np.abs(outputs).max()))
    again = float(np.abs(predict(fitted, project, test.contents) - outputs).max()) / scale
    made.append(check("unit", "difference of two answers to the same item", again, "0", again == 0))
    few = range(min(ALONE, rows))
    alone = np.concatenate([fitted.predict(test.inputs[row : row + 1]) for row in few])
    apart = float(np.abs(alone - fitted.predict(test.inputs[: len(few)])).max()) / scale
    made.append(check("unit", "difference between an item alone and in company", apart, f"at most {CLOSE:g}", apart <= CLOSE))
    kept = learner(project, params).load(project, params, fitted.files())
    back = float(np.abs(kept.predict(test.inputs) - fitted.predict(test.inputs)).max()) / scale
    made.append(check("unit", "difference after it was kept and loaded", back, f"at most {CLOSE:g}", back <= CLOSE))
    return made


def integration(project: Project, fitted: Fitted, test: Arrays) -> list[Check]:
    """Test the whole way of an item: prepared, answered by the model in the form that is served, turned into an answer."""
    import numpy as np
    import onnxruntime

    from include.release.inference_code import postprocess_of

    rows = min(SERVED_ROWS, len(test.labels))
    inputs = (fitted.preparation(test.contents[:rows]) if fitted.preparation else test.inputs[:rows]).astype(np.float32)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            fitted.export(inputs[: max(2, min(rows, 8))], path)
            session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
            outputs = np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0])
        said = answer_problem(postprocess_of(project)(outputs.copy()), project.task, rows, len(project.classes))
    except Exception as cause:  # whatever the project's code raises is the outcome of the test
        said, outputs = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}", None
    made = [check("integration", "items without an answer as it is served", rows if said else 0, "0", not said, said or "")]
    if outputs is not None and project.task in ("classification", "regression"):
        wanted = fitted.predict(inputs)
        scale = max(1.0, float(np.abs(wanted).max()))
        apart = float(np.abs(_answers(project, outputs) - wanted).max()) / scale
        name = "difference between the model and its ONNX form"
        made.append(check("integration", name, apart, f"at most {SERVED:g}", apart <= SERVED))
    return made


def _answers(project: Project, outputs: np.ndarray) -> np.ndarray:
    import numpy as np

    if project.task == "regression":
        return outputs.reshape(len(outputs)).astype(np.float64)
    powers = np.exp(outputs.astype(np.float64) - outputs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
