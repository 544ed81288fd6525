"""The schema of project.yaml and its loader."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from include.projects.augmentation import augmentation_problems
from include.projects.card import Card
from include.projects.content import ArrayContent
from include.projects.control import Control, control_problems
from include.projects.data import Data
from include.projects.environments import Environments
from include.projects.errors import ProjectError
from include.projects.evaluation import evaluation_problems
from include.projects.feature_views import FeatureView
from include.projects.masking import masking_problems
from include.projects.messages import explain
from include.projects.metrics import MetricName, OwnMetric, metric_problems
from include.projects.parts import NAME, Part, Problems
from include.projects.quality import quality_problems
from include.projects.reading import Unreadable, read
from include.projects.release import Approval, Monitoring, Release, Retraining, retraining_problems
from include.projects.split import Split
from include.projects.tasks import UNLABELLED, Task, task_problems
from include.projects.training import Training
from include.projects.transforms import TransformStep, transform_problems
from include.projects.tuning import tuning_problems
from include.projects.workflow import Workflow, workflow_problems
from include.settings import ROOT


class Components(Part):
    """``module:function`` under the project's folder."""

    preprocess: str = Field(
        "preprocess:preprocess", description="Items to the model's inputs, float32 (n, ...). Numpy alone: it is served too."
    )
    model: str = Field(
        "model:build", description="Of parameters a torch module, an estimator with fit and predict, or a Learner."
    )
    postprocess: str = Field(
        "postprocess:postprocess", description="The model's outputs to answers. Numpy alone: it is served too."
    )
    features: str = Field(
        "features:features", description="Items to numbers that are watched for drift: names, float64 (n, names)."
    )
    source: str | None = Field(None, description="Fills a demo source database.")
    files: list[str] = Field([], description="Files of the folder that preprocess or postprocess read; a release carries them.")


class Project(Part):
    """One AI project, as its project.yaml describes it."""

    name: str = Field(description="The same as its folder's; in DAG ids, repositories (digits-dev, digits-ops) and model names.")
    title: str = Field(description="What people read, in any language.")
    description: str = Field("", description="What it is about, in a sentence or two.")
    domain: Literal["vision", "language", "tabular", "mixed"] = Field(
        description="What kind of data it is about; for people who look for projects."
    )
    task: Task = Field(description="What is learnt; it decides labels, metrics, plots and answers.")
    classes: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [], description="Names of the classes, in the order of the model's outputs."
    )
    owner: str = Field(description="Who answers for it, a team or a person.")
    data: Data
    split: Split
    components: Components = Components()
    feature_views: dict[Annotated[str, Field(pattern=NAME.pattern)], FeatureView] = Field(
        {}, description="Features of entities by name, computed the same offline and online."
    )
    transforms: list[TransformStep] = Field([], description="Features that models take, instead of the preprocess component.")
    metrics: dict[MetricName, OwnMetric] = Field({}, description="Metrics of the project's own, beside the built-in ones.")
    control: Control | None = Field(None, description="Of the task control: what a transition is, and the simulator.")
    workflow: Workflow | None = Field(None, description="Steps from data to a model; without it the model is tuned and trained.")
    training: Training = Field(Training(), description="Where it is not given, the project has data and no model yet.")
    environments: Environments = Field(Environments(), description="Where jobs run; in their tasks where it is not given.")
    card: Card = Card()
    release: Release = Release()
    approval: Approval = Approval()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    folder: Path

    @model_validator(mode="after")
    def _name(self) -> Project:
        if not NAME.match(self.name):
            raise ValueError("name must be 2 to 41 lower-case letters, digits or underscores, a letter first")
        if self.folder.name != self.name:
            raise ValueError(f"name is {self.name!r} but its folder is {self.folder.name!r}: make them the same")
        return self

    @model_validator(mode="after")
    def _task(self) -> Project:
        if problems := task_problems(self):
            raise Problems(problems)
        return self

    @model_validator(mode="after")
    def _control(self) -> Project:
        if (self.task == "control") != (self.control is not None):
            raise ValueError("the section control belongs to the task control: give both, or neither")
        if self.control and (problems := control_problems(self.control, self.data.content)):
            raise Problems(f"control: {one}" for one in problems)
        return self

    @model_validator(mode="after")
    def _masking(self) -> Project:
        if self.data.masking and (problems := masking_problems(self.data.masking, self.data.content, self.task)):
            raise Problems(f"data.masking.{one}" for one in problems)
        return self

    @model_validator(mode="after")
    def _quality(self) -> Project:
        if problems := quality_problems(self.data.quality, self.data.content):
            raise Problems(f"data.quality.{one}" for one in problems)
        return self

    @model_validator(mode="after")
    def _metrics(self) -> Project:
        gate = self.training.gate
        if problems := metric_problems(self.task, self.metrics, gate.metric, gate.minimum, gate.maximum, gate.thresholds):
            raise Problems(problems)
        return self

    @model_validator(mode="after")
    def _training(self) -> Project:
        training, content = self.training, self.data.content
        problems = evaluation_problems(training, content, self.classes)
        problems += augmentation_problems(training.augmentation, content, self.task)
        if problems := [*problems, *tuning_problems(self.task, training.tuning, self.metrics)]:
            raise Problems(f"training.{one}" for one in problems)
        return self

    @model_validator(mode="after")
    def _transforms(self) -> Project:
        if problems := transform_problems(self.transforms, self.data.content):
            raise Problems(problems)
        return self

    @model_validator(mode="after")
    def _columns(self) -> Project:
        sources = self.data.sources.values()
        if self.split.by_group and not all(source.group for source in sources):
            raise ValueError("split by group needs data.source.group, the column that tells whose an item is")
        if self.split.method == "time" and not all(source.taken_at for source in sources):
            raise ValueError("split.method time needs data.source.taken_at, the column with the time of an item")
        for name, view in self.feature_views.items():
            if problem := view.problem(self.data.content):
                raise ValueError(f"feature_views.{name}.{problem}")
        return self

    @model_validator(mode="after")
    def _retraining(self) -> Project:
        if self.has_model and self.has_true_answers and (problems := retraining_problems(self.retraining, self.split)):
            raise Problems(problems)
        return self

    @model_validator(mode="after")
    def _workflow(self) -> Project:
        if problems := workflow_problems(self):
            raise Problems(problems)
        return self

    @property
    def has_model(self) -> bool:
        """Tell whether the project trains a model; a project without ``training`` keeps data alone."""
        return "training" in self.model_fields_set

    @property
    def has_true_answers(self) -> bool:
        """Tell whether answers turn out right or wrong; without, nothing says that a retrained model is better."""
        return self.task not in UNLABELLED

    @property
    def array(self) -> ArrayContent:
        """Return the form of content where it is an array.

        Raises:
            ProjectError: items are of another kind.
        """
        content = self.data.content
        if not isinstance(content, ArrayContent):
            problem = f"data.content.kind: this step needs arrays, and items are of kind {content.kind}"
            raise ProjectError.at(self.folder / "project.yaml", problem)
        return content

    @property
    def repositories(self) -> dict[str, str]:
        """Return the data repository of each zone: ``digits-dev`` and ``digits-ops``."""
        base = self.name.replace("_", "-")
        return {zone: f"{base}-{zone}" for zone in ("dev", "ops")}

    def component(self, kind: str) -> Callable[..., Any]:
        """Import and return the component of ``kind`` (a field of `Components`).

        Raises:
            ProjectError: the project names none, or its module or function does not exist.
        """
        reference = getattr(self.components, kind, None)
        if not reference:
            raise ProjectError.at(self.folder / "project.yaml", f"components.{kind}: not given")
        return self.function(f"components.{kind}", reference)

    def function(self, place: str, reference: str) -> Callable[..., Any]:
        """Import and return a function of the project.

        Args:
            place: where project.yaml names it, for errors.
            reference: ``module:function`` under the project's folder.

        Raises:
            ProjectError: the module or the function does not exist.
        """
        module, _, function = reference.partition(":")
        # Projects in another folder than that of the product; those of the product come first.
        parent, packages = str(self.folder.parent.resolve()), sys.modules["include.projects"].__path__
        if parent not in packages:
            packages.append(parent)
        try:
            loaded = importlib.import_module(f"include.projects.{self.name}.{module}")
            found = getattr(loaded, function)
        except (ImportError, AttributeError) as cause:
            problem = f"{place}: {reference!r} cannot be imported: {cause}"
            raise ProjectError.at(self.folder / "project.yaml", problem) from cause
        if other := self._elsewhere(module, getattr(loaded, "__file__", None)):
            problem = f"{place}: another project {self.name!r} is loaded from {other}; give one of the two another name"
            raise ProjectError.at(self.folder / "project.yaml", problem)
        return found

    def _elsewhere(self, module: str, loaded: str | None) -> Path | None:
        """Return the folder that a module came from, where that is not this project's and its text is another."""
        if loaded is None or self.folder.name != self.name:
            return None
        own, other = self.folder.joinpath(*module.split(".")).with_suffix(".py"), Path(loaded)
        if not own.is_file():
            own = own.with_suffix("") / "__init__.py"
        same = own.is_file() and (own.samefile(other) or own.read_bytes() == other.read_bytes())
        return None if same else other.parent


def load_project(name: str, projects_dir: Path = ROOT / "include" / "projects") -> Project:
    """Read and check one project.

    Args:
        name: the project's name, which is also its folder's.
        projects_dir: the folder of all projects.

    Raises:
        ProjectError: no such project, or its file is wrong; every problem is listed with its place.
    """
    path = projects_dir / name / "project.yaml"
    if not NAME.match(name) or not path.is_file():
        known = ", ".join(list_projects(projects_dir)) or "none"
        raise ProjectError(path, [f"no project {name!r}; known projects: {known}"])
    try:
        document = read(path)
    except OSError as cause:
        raise ProjectError(path, [f"cannot be read: {cause.strerror}"]) from cause
    except Unreadable as cause:
        raise ProjectError(path, [one.text for one in cause.problems], [one.line for one in cause.problems]) from cause
    values = {**document.values, "folder": path.parent}
    try:
        return Project(**values)
    except ValidationError as cause:
        found = explain(Project, cause, document, values)
        raise ProjectError(path, [one.text for one in found], [one.line for one in found]) from cause


def list_projects(projects_dir: Path = ROOT / "include" / "projects") -> list[str]:
    """Return the names of all folders that hold a project.yaml, in order."""
    return sorted(p.parent.name for p in projects_dir.glob("*/project.yaml"))
