"""What can go wrong in training."""

from __future__ import annotations

from typing import Any

from include.errors import FinalError


class TrainingError(RuntimeError):
    """A training, tuning or evaluation that did not give a model."""


class InputError(FinalError, ValueError):
    """Parameters, data or references that training cannot work with."""


class GateError(FinalError, RuntimeError):
    """A model that did not reach what its project asks of it.

    Attributes:
        model: name and version, such as ``digits v3``.
        checks: every check of the gate: name, value, limit, ok.
    """

    def __init__(self, model: str, checks: list[dict[str, Any]]) -> None:
        self.model, self.checks = model, checks
        failed = "; ".join(f"{c['name']} is {c['value']:.4f}, wanted {c['limit']}" for c in checks if not c["ok"])
        super().__init__(f"{model} is not confirmed: {failed}. Train on more or better data, or change the gate in project.yaml")


class StateError(FinalError, RuntimeError):
    """A change of a model's state that is not allowed.

    Attributes:
        model: name and version.
        state: the state it is in.
        wanted: the state it should have gone to.
    """

    def __init__(self, model: str, state: str, wanted: str, problem: str) -> None:
        self.model, self.state, self.wanted = model, state, wanted
        super().__init__(f"{model} cannot go from {state} to {wanted}: {problem}")


class ConfirmationError(FinalError, RuntimeError):
    """A model that nobody who may do so confirmed.

    Attributes:
        model: name and version.
    """

    def __init__(self, model: str, problem: str) -> None:
        self.model = model
        super().__init__(f"{model} is not confirmed: {problem}")


class ExperimentError(FinalError, RuntimeError):
    """An experiment that cannot be created or deleted.

    Attributes:
        experiment: its name.
    """

    def __init__(self, experiment: str, problem: str) -> None:
        self.experiment = experiment
        super().__init__(f"experiment {experiment!r}: {problem}")
