"""The schema of project.yaml and its loader."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from include.errors import FinalError
from include.projects.sources import Source, place
from include.settings import ROOT

NAME = re.compile(r"^[a-z][a-z0-9_]{1,40}$")

Fraction = Annotated[float, Field(ge=0, le=1)]


class ProjectError(FinalError, ValueError):
    """A project.yaml that cannot be used.

    Attributes:
        path: the file.
        problems: one line each: where in the file, and what is wrong.
    """

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        super().__init__(f"{path}: " + "; ".join(problems))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Content(_Part):
    """The form of one item: a raw array of ``dtype`` and ``shape``, values within ``range``."""

    dtype: Literal["uint8", "float32", "int64"] = "uint8"
    shape: list[int] = Field(min_length=1)
    range: tuple[float, float]


class Checks(_Part):
    """What a round must hold before it is merged."""

    min_rows: int = Field(1, ge=1)
    min_rows_per_class: int = Field(0, ge=0)
    max_missing_labels: Fraction = 0.0
    max_duplicates: Fraction = 0.05
    max_bad_rows: Fraction = Field(0.0, description="Share of the source's new rows that may be left out as unreadable.")
    allow_changed_types: bool = Field(False, description="Merge rounds whose needed columns have another type than before.")


class Data(_Part):
    """Where the data comes from, what one item is, and what a round must hold."""

    source: Source
    content: Content
    checks: Checks = Checks()


class Split(_Part):
    """How versions are divided. Each method takes its own fields, and no others."""

    method: Literal["random", "stratified", "grouped", "time", "kfold", "nested"] = "stratified"
    ratios: dict[Literal["train", "validation", "test"], float] | None = Field(
        None, description="Share of each part; of random, stratified, grouped and time."
    )
    seed: int = Field(0, description="Of all methods but time, which has nothing to draw.")
    by: Literal["random", "stratified", "grouped"] = Field("stratified", description="How kfold and nested fill their folds.")
    folds: int | None = Field(None, ge=2, le=100, description="Folds of kfold; outer folds of nested.")
    inner_folds: int | None = Field(None, ge=2, le=100, description="Inner folds of nested.")
    test: float | None = Field(None, gt=0, lt=1, description="Share that kfold holds out as test part of every fold.")
    groups_may_cross: bool = Field(False, description="Let items of one group come into several parts, in a split not by group.")

    @model_validator(mode="after")
    def _fields(self) -> Split:
        needed, more = _SPLIT_FIELDS[self.method]
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"{' and '.join(missing)} must be given for the method {self.method}")
        if extra := sorted(self.model_fields_set - {"method", *needed, *more}):
            takes = ", ".join((*needed, *more))
            raise ValueError(f"{' and '.join(extra)} mean nothing to the method {self.method}, which takes {takes}")
        if self.ratios is not None and (
            abs(sum(self.ratios.values()) - 1) > 1e-9 or any(v <= 0 for v in self.ratios.values()) or len(self.ratios) != 3
        ):
            raise ValueError("ratios must name train, validation and test, each above 0, and add up to 1")
        if self.by_group and self.groups_may_cross:
            raise ValueError("groups_may_cross contradicts a split by group: take one of them out")
        if self.method == "nested" and (self.folds or 0) * (self.inner_folds or 0) > 1000:
            raise ValueError("folds times inner_folds must be at most 1000")
        return self

    @property
    def by_group(self) -> bool:
        """Tell whether items of one group stay together."""
        return self.method == "grouped" or (self.method in ("kfold", "nested") and self.by == "grouped")


_SPLIT_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # method: what it needs, what else it takes
    "random": (("ratios",), ("seed", "groups_may_cross")),
    "stratified": (("ratios",), ("seed", "groups_may_cross")),
    "grouped": (("ratios",), ("seed",)),
    "time": (("ratios",), ("groups_may_cross",)),
    "kfold": (("folds", "test"), ("by", "seed", "groups_may_cross")),
    "nested": (("folds", "inner_folds"), ("by", "seed", "groups_may_cross")),
}


class Components(_Part):
    """``module:function`` under the project's folder; each is described in docs of the example project."""

    preprocess: str = "preprocess:preprocess"
    model: str = "model:build"
    postprocess: str = "postprocess:postprocess"
    features: str = "features:features"
    source: str | None = Field(None, description="Fills a demo source database.")


class Range(_Part):
    """One hyperparameter: either ``choices`` or ``low``/``high``."""

    choices: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one(self) -> Range:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either choices or both low and high")
        if self.choices is None and not self.low < self.high:  # type: ignore[operator]
            raise ValueError("low must be below high")
        if self.choices is not None and not self.choices:
            raise ValueError("choices must not be empty")
        return self


class Tuning(_Part):
    """The search of hyperparameters."""

    trials: int = Field(8, ge=1)
    workers: int = Field(2, ge=1)
    epochs: int = Field(12, ge=1)
    grace_epochs: int = Field(2, ge=1)
    metric: str = "validation_accuracy"
    space: dict[str, Range]


class Gate(_Part):
    """What a trained model must reach on the test part to be confirmed."""

    metric: Literal["accuracy", "macro_f1"] = "accuracy"
    minimum: float
    beat_baseline: bool = True


class Training(_Part):
    """Search, final training and gate."""

    tuning: Tuning
    epochs: int = Field(25, ge=1)
    gate: Gate
    seed: int = 0


class Release(_Part):
    """How a model is optimised, and what it must show before it is sealed."""

    quantise: Literal["none", "int8"] = "int8"
    max_accuracy_drop: float = Field(0.01, ge=0)
    parity_tolerance: float = Field(1e-3, gt=0, description="Largest difference of probabilities, torch to ONNX.")
    staging_rows: int = Field(200, ge=1)
    staging_min_accuracy: Fraction = 0.9
    staging_max_p99_ms: float = Field(100, gt=0)


class ApprovalStep(_Part):
    """One question to one person."""

    name: str = Field(pattern=NAME.pattern)
    title: str
    role: str = "Approver"


class Approval(_Part):
    """Who must say yes. Every step needs another person, and none of them may be an author."""

    steps: list[ApprovalStep] = Field(min_length=1)
    timeout_minutes: float = Field(24 * 60, gt=0, description="No answer in this time means no.")
    valid_hours: float = Field(72, gt=0, description="An approval older than this no longer counts.")


class Monitoring(_Part):
    """What counts as drift."""

    window_rows: int = Field(200, ge=20)
    threshold: float = Field(0.2, gt=0, description="Drift score (mean PSI) above which a window counts as drifted.")
    windows_in_a_row: int = Field(2, ge=1)
    poll_seconds: float = Field(2, gt=0)
    report_rows: int = Field(5000, ge=1, description="At most this many rows go into the Evidently report.")


class Retraining(_Part):
    """What a retraining needs, and what the new model must show."""

    min_new_rows: int = Field(200, ge=1, description="Drifted rows with true answers that a new round needs.")
    truth_wait_minutes: float = Field(60, gt=0, description="How long a retraining waits for late true answers.")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    max_loss_on_old: Fraction = Field(0.02, description="How much accuracy a new model may lose on old data.")
    min_gain_on_new: Fraction = Field(0.0, description="How much it must gain on new data.")


class Project(_Part):
    """One AI project, as its project.yaml describes it."""

    name: str
    title: str
    description: str = ""
    domain: Literal["vision", "language", "tabular"]
    task: Literal["classification"]
    classes: list[str] = Field(min_length=2)
    owner: str
    data: Data
    split: Split
    components: Components = Components()
    training: Training
    release: Release = Release()
    approval: Approval
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
    def _columns(self) -> Project:
        if self.split.by_group and not self.data.source.group:
            raise ValueError("split by group needs data.source.group, the column that tells whose an item is")
        if self.split.method == "time" and not self.data.source.taken_at:
            raise ValueError("split.method time needs data.source.taken_at, the column with the time of an item")
        return self

    @cached_property
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
        where = self.folder / "project.yaml"
        if not reference:
            raise ProjectError(where, [f"components.{kind}: not given"])
        module, _, function = reference.partition(":")
        try:
            return getattr(importlib.import_module(f"include.projects.{self.name}.{module}"), function)
        except (ImportError, AttributeError) as cause:
            raise ProjectError(where, [f"components.{kind}: {reference!r} cannot be imported: {cause}"]) from cause


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
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as cause:
        raise ProjectError(path, [f"not readable as YAML in UTF-8: {cause}"]) from cause
    if not isinstance(raw, dict):
        raise ProjectError(path, ["must be a mapping that begins with name, title, domain, ..."])
    try:
        return Project(**{**raw, "folder": path.parent})
    except ValidationError as cause:
        raise ProjectError(path, [f"{place(e) or 'project'}: {e['msg']}" for e in cause.errors()]) from cause
    except TypeError as cause:
        raise ProjectError(path, [f"keys must be text: {cause}"]) from cause


def list_projects(projects_dir: Path = ROOT / "include" / "projects") -> list[str]:
    """Return the names of all folders that hold a project.yaml, in order."""
    return sorted(p.parent.name for p in projects_dir.glob("*/project.yaml"))
