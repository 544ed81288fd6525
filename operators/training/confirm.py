"""Register a trained model, and confirm it by its gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.settings import Settings
from operators.base import ProjectOperator, actor


class RegisterModelOperator(ProjectOperator):
    """Register an evaluated run as the next version of the project's model.

    Args:
        evaluated: what `EvaluateOperator` returned.

    Returns:
        The model: name, version, run and data.
    """

    template_fields: Sequence[str] = ("project", "evaluated")

    def __init__(self, *, evaluated: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluated = evaluated

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Register; a run that is registered already keeps its version."""
        from include import training

        return training.register(settings, project, self.evaluated["run_id"], actor(context))


class ConfirmModelOperator(ProjectOperator):
    """Let the project's gate decide whether a model version may be released.

    Args:
        model: the model, as `RegisterModelOperator` returned it.

    Returns:
        What the gate asked for and what the model reached.
    """

    template_fields: Sequence[str] = ("project", "model")

    def __init__(self, *, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def work(self, settings: Settings, project: Project, context: Context) -> dict[str, Any]:
        """Confirm, or fail with what was not reached."""
        from include import training

        return training.confirm(settings, project, self.model["version"], actor(context))
