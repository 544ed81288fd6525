"""Learners: what trains, keeps and brings back the models of a framework.

The model component of a project builds what is trained: a torch module, an estimator with ``fit`` and ``predict`` as
scikit-learn has them, or a `Learner` of the project's own. Everything behind it (search, training, evaluation,
release) knows `Fitted` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.projects import Project, ProjectError
from include.projects.tasks import UNLABELLED
from include.training.errors import InputError
from include.training.parts import Arrays
from include.training.preparation import Preparation

if TYPE_CHECKING:
    import numpy as np

FAMILY = "family"  # the parameter that names the family of models, where a project has several
Epoch = dict[str, float]
Files = dict[str, bytes]


class Fitted(ABC):
    """A trained model.

    Attributes:
        history: metrics of each epoch, the first epoch first; empty for one that was loaded.
        best_epoch: the epoch that was kept, counted from 1; 0 for one that was loaded.
        preparation: what makes its inputs; None means the project's preprocess component.
    """

    framework: str
    history: list[Epoch]
    best_epoch: int
    preparation: Preparation | None = None

    @property
    def best(self) -> Epoch:
        """Return the metrics of the epoch that was kept."""
        return self.history[self.best_epoch - 1]

    @property
    @abstractmethod
    def size(self) -> int:
        """Return how many numbers were learnt."""

    @abstractmethod
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return outputs for preprocessed inputs (n, ...).

        Probabilities float32 (n, classes), or numbers float32 (n,); of clustering memberships (n, clusters), of reduction
        what an item is reduced to (n, dimensions), of control the value of each action (n, actions).
        """

    @abstractmethod
    def files(self) -> Files:
        """Return what is to be kept, by file name."""

    @abstractmethod
    def export(self, example: np.ndarray, path: Path) -> None:
        """Write the model as one ONNX file with a free batch size, input ``input`` and output ``logits``.

        Args:
            example: at least two preprocessed rows, float32 (n, ...).
            path: the file.
        """


class Learner(ABC):
    """Trains models of one framework, and brings them back.

    Attributes:
        augments: it varies the training part as ``training.augmentation`` says (`include.training.augmentation.varied`).
    """

    augments = False

    def place(self) -> str:
        """Return what it trains on, for people; empty where it knows the CPU alone."""
        return ""

    @abstractmethod
    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Fitted:
        """Train one model on ``train`` and keep what is best on ``validation``.

        Args:
            project: gives the model component, the task and the metric that decides.
            params: of the model and of its training.
            parts: ``train`` and ``validation``.
            seed: of everything random.
            epochs: at most so many passes over the training part.
            on_epoch: called after each epoch with its metrics (``epoch`` counts from 1); may raise to stop.
            initial: files of a model to begin with (warm start).

        Raises:
            InputError: parameters that do not fit, or a model to begin with of another architecture.
            TrainingError: training went astray.
        """

    @abstractmethod
    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Fitted:
        """Bring a model back from its files.

        Raises:
            InputError: they do not fit the model component as it is now.
        """


def learner(project: Project, params: Mapping[str, Any]) -> Learner:
    """Return the learner for what the model component builds.

    Raises:
        InputError: it builds nothing that can be trained, or not with these parameters.
    """
    from include.training.estimators import EstimatorLearner
    from include.training.loop import TorchLearner

    if project.workflow:
        from include.components.learner import WorkflowLearner

        return WorkflowLearner()
    built = build(project, params)
    if isinstance(built, Learner):
        return built
    if project.task in UNLABELLED:
        return _without_labels(project, built)
    if hasattr(built, "state_dict") and hasattr(built, "forward"):
        return TorchLearner()
    if hasattr(built, "fit") and hasattr(built, "predict"):
        return EstimatorLearner()
    problem = f"the model component of {project.name} built {type(built).__name__}"
    raise InputError(f"{problem}: wanted a torch module, an estimator with fit and predict, or a Learner")


def training_learner(project: Project, params: Mapping[str, Any]) -> Learner:
    """Return the learner for what the model component builds, to train by it.

    Raises:
        InputError: as `learner`; or the project asks for an augmentation that its own learner does not do.
    """
    found = learner(project, params)
    if project.training.augmentation and not found.augments:
        problem = f"{type(found).__name__} of {project.name} does not say that it varies the training part"
        advice = "let it do so by include.training.augmentation.varied and set augments = True, or take training.augmentation out"
        raise InputError(f"{problem}: {advice}")
    return found


def _without_labels(project: Project, built: Any) -> Learner:
    torch = hasattr(built, "state_dict") and hasattr(built, "forward")
    if project.task == "clustering":
        from include.training.clustering import ClusterLearner

        if (
            hasattr(built, "fit")
            and hasattr(built, "predict")
            and (hasattr(built, "predict_proba") or hasattr(built, "transform"))
        ):
            return ClusterLearner()
        wanted = "an estimator that tells the cluster of new items, by predict_proba or transform, such as KMeans"
    elif project.task == "reduction":
        from include.training.reduction import AutoencoderLearner, ReductionLearner

        if torch and hasattr(built, "encode") and hasattr(built, "decode"):
            return AutoencoderLearner()
        if hasattr(built, "fit") and hasattr(built, "transform") and hasattr(built, "inverse_transform"):
            return ReductionLearner()
        wanted = "a torch module with encode and decode, or an estimator with transform and inverse_transform, such as PCA"
    else:
        from include.training.control import ControlLearner

        if torch:
            return ControlLearner()
        wanted = "a torch module from states to the value of each action"
    raise InputError(
        f"the model component of {project.name} built {type(built).__name__}: the task {project.task} wants {wanted}"
    )


def build(project: Project, params: Mapping[str, Any]) -> Any:
    """Return what the model component makes of some parameters, untrained.

    Raises:
        InputError: it does not take them.
    """
    rest = {name: value for name, value in params.items() if name != FAMILY}
    family = params.get(FAMILY)
    if family is not None and family not in project.training.families:
        raise InputError(f"{project.name} has no family of models {family!r}; it has {', '.join(project.training.families)}")
    try:
        if family is None:
            return project.component("model")(rest)
        return project.function(f"training.families.{family}.model", project.training.families[family].model)(rest)
    except (OSError, ProjectError):
        raise  # a file or a network may be there at another try; project.yaml says its own
    except Exception as cause:
        said = str(cause) if isinstance(cause, TypeError | ValueError) else f"{type(cause).__name__}: {cause}"
        raise InputError(f"the model of {project.name} cannot be built from {dict(params)}: {said}") from cause


def predict(fitted: Fitted, project: Project, contents: Any) -> np.ndarray:
    """Return the outputs of a model for items as they were collected.

    Args:
        fitted: of `include.training.load_model`, or of a training.
        project: gives the preprocessing of a model without transforms.
        contents: items, as `include.data.load_part` gives them.
    """
    return fitted.predict((fitted.preparation or Preparation(project, None))(contents))
