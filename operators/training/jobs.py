"""Tune, train and evaluate: heavy work, each a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from include.projects import Project
from include.reports.links import beside
from include.settings import Settings
from operators.base import actor, key
from operators.jobs import JobOperator
from operators.links import ReportLink


class TuneOperator(JobOperator):
    """Search the project's hyperparameter space with Ray Tune; every trial is an MLflow run.

    Args:
        split: the split to tune on.
        trials: how many trials; empty takes the project's number (templated).
        start_from: as of `TrainOperator`, so that trials begin as the training will (templated).
        experiment: that the runs shall be in; empty takes the project's own (templated).

    Returns:
        The best parameters with their run, and one line a trial.
    """

    job = "tune"
    template_fields: Sequence[str] = ("project", "split", "trials", "start_from", "experiment")
    operator_extra_links = (ReportLink("Trials in MLflow"),)

    def __init__(self, *, split: Any, trials: Any = None, start_from: str = "", experiment: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.trials = trials
        self.start_from = start_from
        self.experiment = experiment
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split, number of trials, who asked, the run's key, and model to begin with and experiment where given."""
        return {
            "split": self.split,
            "trials": int(self.trials) if self.trials not in (None, "", "None") else None,
            "author": actor(context),
            "key": key(context),
            **({"init_from": self.start_from} if self.start_from else {}),
            **({"experiment": self.experiment} if self.experiment else {}),
        }

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Search; the link opens its run."""
        made = super().work(settings, project, context)
        self.report_url = made.get("url")
        return made


class TrainOperator(JobOperator):
    """Train one model with the parameters that tuning found.

    Args:
        split: the split to train on.
        tuned: what `TuneOperator` returned.
        start_from: version or alias of a model to begin with, of another project as ``model@version``; empty takes what
            project.yaml says (templated).
        experiment: that the run shall be in; empty takes the project's own (templated).

    Returns:
        The run and its metrics.
    """

    job = "train"
    template_fields: Sequence[str] = ("project", "split", "tuned", "start_from", "experiment")
    operator_extra_links = (ReportLink("Run in MLflow"),)

    def __init__(self, *, split: Any, tuned: Any, start_from: str = "", experiment: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.tuned = tuned
        self.start_from = start_from
        self.experiment = experiment
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split, best parameters, parent run, author, and the run's key."""
        return {
            "split": self.split,
            "params": self.tuned["best"]["params"],
            "parent_run_id": self.tuned["parent_run_id"],
            "author": actor(context),
            "key": key(context),
            **({"init_from": self.start_from} if self.start_from else {}),
            **({"experiment": self.experiment} if self.experiment else {}),
        }

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Train it; the link opens its run."""
        made = super().work(settings, project, context)
        self.report_url = made.get("url")
        return made


class TestModelOperator(JobOperator):
    """Test a trained model: what every one must do, what project.yaml asks of its behaviour and cost, no step back.

    Args:
        split: the split it was trained on.
        evaluated: what `EvaluateOperator` returned.

    Returns:
        How many tests passed, and each with its figure.
    """

    __test__ = False  # it is no test of pytest's
    job = "test_model"
    template_fields: Sequence[str] = ("project", "split", "evaluated")
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, split: Any, evaluated: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.evaluated = evaluated
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split and run; the tests write their report beside that of the evaluation, also where some fail."""
        evaluation = self.evaluated.get("report")
        self.report_url = beside(evaluation, "model_tests.html") if evaluation else None
        return {"split": self.split, "run_id": self.evaluated["run_id"]}


class EvaluateOperator(JobOperator):
    """Evaluate a trained run on the test part, with plots and a simple baseline.

    Args:
        split: the split it was trained on.
        trained: what `TrainOperator` returned.

    Returns:
        The metrics of model and baseline, and the address of the report.
    """

    job = "evaluate"
    template_fields: Sequence[str] = ("project", "split", "trained")
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, split: Any, trained: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.split = split
        self.trained = trained
        self.report_url: str | None = None

    def arguments(self, settings: Settings, context: Context) -> dict[str, Any]:
        """Return split and run."""
        return {"split": self.split, "run_id": self.trained["run_id"]}

    def work(self, settings: Settings, project: Project, context: Context) -> Any:
        """Evaluate it."""
        made = super().work(settings, project, context)
        self.report_url = made.get("report")
        return made
