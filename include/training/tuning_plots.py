"""Plots of a search: how it went, which hyperparameters mattered, and all trials side by side."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports.letters import spelt
from include.training.drawing import BLUE, GREY, ORANGE, drawing, png
from include.training.scores import modes
from include.training.space import distributions

if TYPE_CHECKING:
    from optuna import Study

CHOICES = 4  # different values up to which each has its own mark
WIDE = 20  # the greatest value by the least beyond which an axis is logarithmic
LEAST = 4  # trials with a result that tell anything about importance


def load() -> None:
    """Import what draws the plots; while trials run there is time for it."""
    for name in ("matplotlib.figure", "optuna.importance", "sklearn.ensemble"):
        importlib.import_module(name)


def plots(project: Project, result: dict[str, Any]) -> dict[str, bytes]:
    """Return the plots of a search as PNG by name: history, parallel_coordinates and, with enough trials, importance.

    Args:
        project: gives the space.
        result: of `include.training.tune`.
    """
    from include.training import curves

    done = [row for row in result["trials"] if row["value"] is not None]
    name, up = result["metric"], modes(project)[result["metric"]] == "max"
    found = {"history": _history(done, name, up)}
    if len({key for row in done for key in row["params"]}) > 1 and len(done) > 1:
        found["parallel_coordinates"] = _parallel(done, name, up)
    if weights := importance(_study(project, name, done)):
        title, unit = "Which hyperparameters mattered", "share of the differences between trials (fANOVA)"
        found["importance"] = curves.importance(list(weights), list(weights.values()), title, unit=unit)
    return found


def _history(rows: list[dict[str, Any]], name: str, up: bool) -> bytes:
    """Draw the value of each trial, and the best so far."""
    from itertools import accumulate

    from matplotlib.ticker import MaxNLocator

    numbers, values = [row["number"] for row in rows], [row["value"] for row in rows]
    with drawing(6.4, 4) as (figure, (axes,)):
        axes.step(numbers, list(accumulate(values, max if up else min)), color=ORANGE, where="post", label="best so far")
        axes.plot(numbers, values, "o", color=BLUE, label="trial")
        axes.set(title="Search", xlabel="trial", ylabel=f"{name.replace('_', ' ')} ({'higher' if up else 'lower'} is better)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return png(figure)


def _parallel(rows: list[dict[str, Any]], name: str, up: bool) -> bytes:
    """Draw each trial as a line over its hyperparameters: darker is better, the best in a colour of its own."""
    from matplotlib import colormaps

    ordered = sorted(rows, key=lambda row: row["value"] if up else -row["value"])  # the best is drawn last
    keys = sorted({key for row in rows for key in row["params"]})
    places = {key: _axis([row["params"].get(key) for row in ordered]) for key in keys}
    places[name] = _axis([row["value"] for row in ordered])
    shades = colormaps["Blues"]
    with drawing(max(6.4, 1.35 * len(places)), 4) as (figure, (axes,)):
        for place in range(len(ordered)):
            best = place == len(ordered) - 1
            heights = [at[place] for at, _ in places.values()]
            colour = ORANGE if best else shades(0.25 + 0.65 * place / len(ordered))
            label = f"best: trial {ordered[place]['number']}" if best else None
            axes.plot(range(len(places)), heights, color=colour, linewidth=2.4 if best else 1.2, label=label)
        for across, (_, marks) in enumerate(places.values()):
            axes.axvline(across, color=GREY, linewidth=1)
            for height, said in marks:
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
                axes.text(across + 0.03, height, said, fontsize=8, va="center", bbox=box)
        axes.set_xticks(range(len(places)), spelt([key.replace("_", " ") for key in places]), rotation=20, ha="right")
        axes.set(title="All trials: darker is better", yticks=[], ylim=(-0.05, 1.05), xlim=(-0.1, len(places) - 0.6))
        axes.grid(False)
        axes.legend(loc="lower left", bbox_to_anchor=(0.6, 1.0), borderaxespad=0.2)
        return png(figure)


def _axis(values: list[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Return where values stand on an axis from 0 to 1, and what is written beside it; nan for what a trial has not."""
    import math

    values = [str(value) if isinstance(value, list | dict) else value for value in values]
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known) and len({*known}) > CHOICES:
        low, high = min(known), max(known)
        log = low > 0 and high / low > WIDE
        scale = math.log if log else float
        span = (scale(high) - scale(low)) or 1.0
        places = [math.nan if value is None else (scale(value) - scale(low)) / span for value in values]
        middle = math.exp((math.log(low) + math.log(high)) / 2) if log else (low + high) / 2
        return places, [(0.0, f"{low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{high:.3g}")]
    order = sorted({*known}, key=lambda value: (isinstance(value, str), value if isinstance(value, str) else float(value)))
    at = {value: place / max(len(order) - 1, 1) for place, value in enumerate(order)}
    shown = spelt([f"{value:.3g}" if isinstance(value, float) else str(value) for value in order], 14)
    return [math.nan if value is None else at[value] for value in values], [*zip(at.values(), shown, strict=True)]


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
    study = optuna.create_study(direction="maximize" if modes(project)[metric] == "max" else "minimize")
    for row in rows:
        values, found = distributions(project, row["params"])
        study.add_trial(optuna.trial.create_trial(params=values, distributions=found, value=row["value"]))
    return study
