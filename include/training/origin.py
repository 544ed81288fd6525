"""The model that a training begins with: going on from an earlier one, or carrying one over to another task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.settings import Settings
from include.training import preparation
from include.training.errors import InputError
from include.training.learners import Files
from include.training.models import PARAMS, model_files, model_info, read_file_of
from include.training.parts import Arrays, prepare

if TYPE_CHECKING:
    from mlflow import MlflowClient

OF_TRAINING = ("learning_rate", "batch_size", "weight_decay")  # hyperparameters that do not shape a model


@dataclass(frozen=True)
class Start:
    """What all trials of a search begin with.

    Attributes:
        fixed: hyperparameters that are not searched, for a model gives them.
        files: of that model; None begins with random weights.
    """

    fixed: Mapping[str, Any] = field(default_factory=dict)
    files: Files | None = None


@dataclass(frozen=True)
class Origin:
    """A registered model to begin with.

    Attributes:
        told: what it is, for people: ``v3``, or ``digits v3`` for another project's.
        run_id: that made it.
        params: it was made with.
        files: of the model.
    """

    told: str
    run_id: str
    params: Mapping[str, Any]
    files: Files

    @property
    def shape(self) -> dict[str, Any]:
        """Return the hyperparameters that shape it: what goes on from it has the same, whatever a search found."""
        return {name: value for name, value in self.params.items() if name not in OF_TRAINING}

    @property
    def start(self) -> Start:
        """Return what trials of a search begin with."""
        return Start(self.shape, self.files)

    def prepared(self, project: Project, part: Arrays, name: str) -> Arrays:
        """Return a part prepared as its inputs were: by transforms that were fitted on its training part."""
        if preparation.FILE not in self.files:
            return part
        return prepare(project, part.contents, part.labels, name, part.kinds, preparation.load(project, self.files))


def find_origin(settings: Settings, client: MlflowClient, project: Project, asked: str | None) -> Origin | None:
    """Return the model to begin with; None where nothing asks for one.

    Args:
        settings: name MLflow.
        client: of MLflow.
        project: ``training.start_from`` says it where ``asked`` does not.
        asked: a version or alias of the project's own model, or ``model@version``.

    Raises:
        InputError: there is no such model or version.
    """
    wish = project.training.start_from
    if not asked and wish is None:
        return None
    name, _, version = str(asked).rpartition("@") if asked else (wish.model if wish else "", "", wish.version if wish else "")
    whose = project.model_copy(update={"name": name}) if name else project
    found = model_info(settings, whose, version)
    told = f"v{found['version']}" if whose.name == project.name else f"{whose.name} v{found['version']}"
    return origin_of(client, found["run_id"], told)


def origin_of(client: MlflowClient, run_id: str, told: str) -> Origin:
    """Return the model that a run made, to begin with.

    Args:
        client: of MLflow.
        run_id: of a training.
        told: what it is, for people.

    Raises:
        InputError: the run kept none.
    """
    files = model_files(client, run_id)
    if not files:
        raise InputError(f"run {run_id} of {told} kept no model to begin with")
    return Origin(told, run_id, json.loads(read_file_of(client, run_id, PARAMS)), files)
