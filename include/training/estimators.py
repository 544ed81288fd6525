"""Estimators as scikit-learn has them: trained in one go, or pass after pass where they can, kept without pickle."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.tasks import Task
from include.training.augmentation import with_copies
from include.training.errors import InputError, TrainingError
from include.training.learners import Epoch, Files, Fitted, Learner, build
from include.training.parts import Arrays
from include.training.scores import measure, metric, mode, validate
from include.training.stored import stored

if TYPE_CHECKING:
    import numpy as np

ESTIMATOR = "estimator.skops"
TRUSTED = ("sklearn.", "numpy.", "scipy.")  # what a stored estimator may be made of


class Estimator(Fitted):
    """A trained estimator.

    Args:
        estimator: fitted.
        task: classification or regression.
        history: metrics of each pass.
        best_epoch: the pass that was kept.
    """

    framework = "sklearn"

    def __init__(self, estimator: Any, task: Task, history: list[Epoch], best_epoch: int) -> None:
        self.estimator, self.task, self.history, self.best_epoch = estimator, task, history, best_epoch

    @property
    def size(self) -> int:
        """Return how many numbers the stored estimator holds, which is what it learnt."""
        return len(self.files()[ESTIMATOR]) // 8

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes) or numbers (n,)."""
        import numpy as np

        flat = inputs.reshape(len(inputs), -1)
        if self.task == "classification":
            return np.asarray(self.estimator.predict_proba(flat), dtype=np.float32)
        return np.asarray(self.estimator.predict(flat), dtype=np.float32).reshape(len(inputs))

    def files(self) -> Files:
        """Return the estimator in skops' form, which runs no code when it is read; the same bytes for the same estimator."""
        return {ESTIMATOR: stored(self.estimator)}

    def export(self, example: np.ndarray, path: Path) -> None:
        """Write it as ONNX; outputs are the logarithms of probabilities, whose softmax they are again."""
        if self.task == "classification":
            as_onnx(self.estimator, example, path, len(self.estimator.classes_), "Log", {"zipmap": False})
        else:
            as_onnx(self.estimator, example, path, 1, "Identity")


def as_onnx(
    estimator: Any, example: np.ndarray, path: Path, width: int, last: str, options: Mapping[str, Any] | None = None
) -> None:
    """Write an estimator as one ONNX file with a free batch size, input ``input`` and output ``logits``.

    Args:
        estimator: fitted.
        example: at least two preprocessed rows, float32 (n, ...).
        path: the file.
        width: how many numbers it gives for a row.
        last: what is done with its last output: ``Log``, of probabilities, ``Neg`` or ``Identity``.
        options: of skl2onnx for the estimator.
    """
    import onnx
    from onnx import TensorProto, helper
    from skl2onnx import to_onnx

    proto = to_onnx(
        estimator, example[:2].reshape(2, -1), options={id(estimator): dict(options)} if options else None, target_opset=17
    )
    graph = proto.graph
    inner, answer = graph.input[0].name, graph.output[-1].name
    nodes, constants = [helper.make_node("Flatten", ["input"], [inner], axis=1), *graph.node], []
    if last == "Log":
        constants = [helper.make_tensor("floor", TensorProto.FLOAT, [], [1e-30])]
        nodes += [helper.make_node("Max", [answer, "floor"], ["above"])]
        answer = "above"
    nodes += [helper.make_node(last, [answer], ["logits"])]
    whole = helper.make_graph(
        nodes,
        "estimator",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, *example.shape[1:]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, width])],
        [*graph.initializer, *constants],
    )
    made = helper.make_model(whole, opset_imports=list(proto.opset_import), ir_version=proto.ir_version)
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString(deterministic=True))


class EstimatorLearner(Learner):
    """Trains estimators: pass after pass by ``partial_fit`` where there is one and a model to begin with, else at once."""

    augments = True

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Estimator:
        """Train; arguments as of `Learner.fit`."""
        import numpy as np

        estimator = self.load(project, params, initial).estimator if initial else seeded(build(project, params), seed)
        train, held = parts["train"], parts["validation"]
        seen = with_copies(project, train, seed)
        flat, labels = seen.inputs.reshape(len(seen.inputs), -1), seen.labels
        classes = np.arange(len(project.classes)) if project.task == "classification" else None
        if classes is not None and (absent := sorted(set(classes) - set(train.labels))):
            names = ", ".join(project.classes[place] for place in absent)
            raise InputError(f"the train part of {project.name} has no item of {names}: collect some, or split otherwise")
        history: list[Epoch] = []
        best: tuple[float, int, bytes] | None = None
        sign = 1.0 if mode(project) == "max" else -1.0
        gradual = hasattr(estimator, "partial_fit")
        if initial and not gradual:
            problem = f"{type(estimator).__name__} of {project.name} cannot go on from a trained one"
            raise InputError(f"{problem}: it has no partial_fit; train it without init_from")
        passes = epochs if gradual else 1
        rows = np.random.default_rng(seed)
        for epoch in range(1, passes + 1):
            try:
                if not gradual:
                    estimator.fit(flat, labels)
                else:
                    order = rows.permutation(len(flat))
                    extra = {"classes": classes} if classes is not None else {}
                    estimator.partial_fit(flat[order], labels[order], **extra)
            except (ValueError, FloatingPointError) as cause:
                raise TrainingError(f"the estimator of {project.name} cannot be fitted with {dict(params)}: {cause}") from cause
            now = Estimator(estimator, project.task, history, epoch)
            outputs = now.predict(held.inputs)
            if not np.isfinite(outputs).all():
                raise TrainingError(f"the estimator gives outputs that are not finite in epoch {epoch}: change {dict(params)}")
            fit = validate(project.task, train.labels, now.predict(train.inputs))["validation_loss"]
            history.append({"epoch": epoch, "train_loss": fit, **measure(project, held.labels, outputs)})
            score = sign * history[-1][metric(project)]
            if best is None or score > best[0]:
                best = (score, epoch, now.files()[ESTIMATOR] if passes > 1 else b"")
            if on_epoch:
                on_epoch(history[-1])
        assert best is not None
        if best[2]:
            estimator = self.load(project, params, {ESTIMATOR: best[2]}).estimator
        return Estimator(estimator, project.task, history, best[1])

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Estimator:
        """Bring an estimator back; one made of anything but numpy, scipy, scikit-learn and the project's own is refused."""
        import skops.io

        allowed = (*TRUSTED, f"include.projects.{project.name}.")
        try:
            unknown = skops.io.get_untrusted_types(data=files[ESTIMATOR])
            if strange := [name for name in unknown if not name.startswith(allowed)]:
                raise InputError(f"the stored estimator of {project.name} is made of {', '.join(strange)}: it is not loaded")
            return Estimator(skops.io.load(io.BytesIO(files[ESTIMATOR]), trusted=unknown), project.task, [], 0)
        except KeyError as cause:
            raise InputError(f"there is no {ESTIMATOR}: the model was made by another learner") from cause


def seeded(estimator: Any, seed: int) -> Any:
    """Give the seed to the estimator, and to the steps of a pipeline, where they take one and have none."""
    given = estimator.get_params() if hasattr(estimator, "get_params") else {}
    wanted = {name: seed for name, value in given.items() if name.split("__")[-1] == "random_state" and value is None}
    return estimator.set_params(**wanted) if wanted else estimator
