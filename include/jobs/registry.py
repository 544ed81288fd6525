"""The jobs that there are: name, function, one line."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from include.jobs.errors import SpecError


@dataclass(frozen=True)
class Job:
    """One kind of heavy work.

    Attributes:
        function: ``module:function``, called as ``function(settings, project, **args)``; it returns a JSON dict.
        what: one line for people.
        spreads: it spreads over a Ray cluster by itself, so its own process there takes nothing.
        ledger: it reads or writes the ledger beside the audit of what data it is given.
        packages: it reads packages of releases in the model server's folder.
        project_code: it runs code of the project over data; on ops data that must be confirmed code.
    """

    function: str
    what: str
    spreads: bool = False
    ledger: bool = False
    packages: bool = False
    project_code: bool = True

    def load(self) -> Callable[..., dict[str, Any]]:
        """Import and return the function."""
        module, _, name = self.function.partition(":")
        loaded: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
        return loaded


JOBS: dict[str, Job] = {
    "tune": Job("include.training.tune:tune", "search hyperparameters with Ray Tune, every trial an MLflow run", spreads=True),
    "train": Job("include.training.train:train", "train one model with chosen hyperparameters"),
    "reproduce": Job("include.training.reproduction:reproduce", "train a model again from its record, and tell what differs"),
    "check_code": Job("include.training.code_checks:check_code", "check a model's code: lint, types, security, interface"),
    "test_model": Job("include.training.model_tests:test_model", "test a model: unit, behaviour, cost, no step back"),
    "compare_runs": Job(
        "include.training.comparison:write_comparison", "compare training runs field by field on one page", project_code=False
    ),
    "evaluate": Job("include.training.evaluate:evaluate", "measure a trained model on the test part, with plots and a baseline"),
    "optimise": Job("include.release.optimise:optimise", "export to ONNX and quantise, with accuracy, size and latency"),
    "parity": Job(
        "include.release.parity:parity", "compare the answers of torch, ONNX, quantised model and Triton", packages=True
    ),
    "staging_test": Job(
        "include.release.staging:staging_test", "put a release on the staging route and test it there", ledger=True
    ),
    "four_way": Job("include.monitoring.four_way:four_way", "compare current and new model on old and new test data"),
    "mask_sample": Job(
        "include.data.privacy:make_sample", "mask a sample of ops data for dev, and report on it", ledger=True, project_code=False
    ),
    "drift_report": Job(
        "include.monitoring.report:evidently_report", "write the Evidently report of a drift alert", ledger=True, packages=True
    ),
    "workflow_step": Job("include.components.step:workflow_step", "run a step of a workflow, unless it was done alike"),
    "workflow_model": Job("include.components.collect:workflow_model", "keep the model of a workflow as a training run"),
    "profile": Job("include.explore.profile:profile", "look at a data version: counts, distributions, relations, pictures"),
    "compute_features": Job("include.data.features.job:compute_features", "compute a feature view for a data version"),
}


def find(name: str) -> Job:
    """Return the job ``name``.

    Raises:
        SpecError: there is none.
    """
    if name not in JOBS:
        raise SpecError(f"no job {name!r}; there are {', '.join(JOBS)}")
    return JOBS[name]


def check_args(name: str, function: Callable[..., Any], args: dict[str, Any]) -> None:
    """Check that ``args`` are what the job's function takes.

    Raises:
        SpecError: one is missing or unknown; the message names it.
    """
    try:
        inspect.signature(function).bind(None, None, **args)
    except TypeError as cause:
        raise SpecError(f"args of job {name!r}: {cause}") from cause
