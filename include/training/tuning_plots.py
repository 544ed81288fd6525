"""Plots of a search: how it went, which hyperparameters mattered, and all trials side by side."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training.scores import direction
from include.training.space import distributions

if TYPE_CHECKING:
    from optuna import Study

LEAST = 4  # trials with a result that tell anything about importance


def load() -> None:
    """Import what draws the plots; while trials run there is time for it."""
    for name in ("matplotlib.pyplot", "optuna.importance", "optuna.visualization.matplotlib", "sklearn.ensemble"):
        importlib.import_module(name)


def plots(project: Project, result: dict[str, Any]) -> dict[str, bytes]:
    """Return the plots of a search as PNG by name: history, parallel_coordinates and, with enough trials, importance.

    Args:
        project: gives the space.
        result: of `include.training.tune`.
    """
    done = [row for row in result["trials"] if row["value"] is not None]
    study = _study(project, result["metric"], done)
    from optuna.visualization import matplotlib as draw

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls these plots experimental
        found = {"history": _png(draw.plot_optimization_history(study, target_name=result["metric"]))}
        if len({key for row in done for key in row["params"]}) > 1 and len(done) > 1:
            found["parallel_coordinates"] = _png(draw.plot_parallel_coordinate(study, target_name=result["metric"]))
        if importance(study):
            found["importance"] = _png(draw.plot_param_importances(study, target_name=result["metric"]))
    return found


def importance(study: Study) -> dict[str, float]:
    """Return how much of the differences between trials each hyperparameter explains (fANOVA); empty for too few trials."""
    import optuna

    values = {trial.value for trial in study.trials}
    if len(study.trials) < LEAST or len(values) < 2:
        return {}
    try:
        return dict(optuna.importance.get_param_importances(study))
    except (ValueError, RuntimeError):  # no hyperparameter that all trials have
        return {}


def _study(project: Project, metric: str, rows: list[dict[str, Any]]) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if direction(metric) == "max" else "minimize")
    for row in rows:
        values, found = distributions(project, row["params"])
        study.add_trial(optuna.trial.create_trial(params=values, distributions=found, value=row["value"]))
    return study


def _png(axes: Any) -> bytes:
    import matplotlib.pyplot as plt

    figure = axes.figure if hasattr(axes, "figure") else axes[0].figure
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return sink.getvalue()
