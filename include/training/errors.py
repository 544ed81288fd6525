"""What can go wrong in training."""

from __future__ import annotations

from typing import Any

from include.errors import FinalError


class TrainingError(FinalError, RuntimeError):
    """A training or search that gave no model for what it was given: another try would end alike."""


class TrainingFailed(RuntimeError):
    """A training or search that the machine failed, by lost workers or too little time: another try may help."""


class InputError(FinalError, ValueError):
    """Parameters, data or references that training cannot work with."""


class GateError(FinalError, RuntimeError):
    """A model that did not reach what its project asks of it.

    Attributes:
        model: name and version, such as ``digits v3``.
        checks: every check of the gate: name, value, limit, ok, and note where there is no value.
    """

    def __init__(self, model: str, checks: list[dict[str, Any]]) -> None:
        self.model, self.checks = model, checks
        failed = [check for check in checks if not check["ok"]]
        said = "; ".join(map(_said, failed))
        poor = any(check["value"] == check["value"] for check in failed)
        advice = ". Train on more or better data, or change the gate in project.yaml" if poor else ""
        super().__init__(f"{model} is not confirmed: {said}{advice}")


def _said(check: dict[str, Any]) -> str:
    value, note = check["value"], check.get("note")
    if value != value and note:
        return f"{check['name']}: {note}"
    return f"{check['name']} is {value:.4f}, wanted {check['limit']}"


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
