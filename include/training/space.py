"""The space of a search: what may be chosen, as points that the same seed always gives in the same order."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.training import Range
from include.training.errors import InputError
from include.training.learners import FAMILY

if TYPE_CHECKING:
    from optuna import Trial


Point = dict[str, Any]


def spaces(project: Project) -> dict[str, Mapping[str, Range]]:
    """Return the ranges of each family of models; one family without a name where project.yaml names none."""
    training = project.training
    if not training.families:
        return {"": training.tuning.space}
    return {name: {**training.tuning.space, **family.space} for name, family in training.families.items()}


def sample(project: Project, number: int) -> Point:
    """Return the ``number``-th random point (counted from 1): the same for the same seed, whatever was drawn before."""
    import numpy as np

    rng = np.random.default_rng([project.training.seed, number])
    every = spaces(project)
    names = list(every)
    family = names[int(rng.integers(len(names)))]
    return _point(family, {name: _draw(given, rng) for name, given in sorted(every[family].items())})


def grid(project: Project) -> list[Point]:
    """Return every point of the grid, in order.

    Raises:
        InputError: a range has no ``steps``, or there are more points than ``trials`` allows.
    """
    points: list[Point] = []
    for family, ranges in spaces(project).items():
        axes = {name: _steps(name, given) for name, given in sorted(ranges.items())}
        most = project.training.tuning.trials
        if math.prod(len(axis) for axis in axes.values()) > 100_000:
            raise InputError(f"the grid of {project.name} has more than 100,000 points: take fewer choices, or search at random")
        points += [_point(family, dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]
    if len(points) > most:
        raise InputError(f"the grid of {project.name} has {len(points)} points, more than training.tuning.trials ({most})")
    return points


def suggest(project: Project, trial: Trial) -> Point:
    """Let Optuna choose a point; parameters of a family are its own, so that families do not mix."""
    every = spaces(project)
    family = trial.suggest_categorical(FAMILY, list(every)) if len(every) > 1 else next(iter(every))
    return _point(family, {name: _suggest(trial, _own(family, name), one) for name, one in every[family].items()})


def distributions(project: Project, point: Point) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a point as Optuna stores it: values, and the distributions that they come from."""
    from optuna.distributions import CategoricalDistribution

    every = spaces(project)
    family = point.get(FAMILY, "")
    ranges = {name: one for name, one in every[family].items() if name in point}
    values = {_own(family, name): _plain(point[name], one) for name, one in ranges.items()}
    found = {_own(family, name): _distribution(one) for name, one in ranges.items()}
    if len(every) > 1:
        values[FAMILY], found[FAMILY] = family, CategoricalDistribution(list(every))
    return values, found


def _own(family: str, name: str) -> str:
    return f"{family}.{name}" if family else name


def _point(family: str, values: Point) -> Point:
    return {FAMILY: family, **values} if family else values


def _draw(given: Range, rng: Any) -> Any:
    if given.choices is not None:
        return given.choices[int(rng.integers(len(given.choices)))]
    assert given.low is not None and given.high is not None
    if given.integer:
        return int(rng.integers(int(given.low), int(given.high) + 1))
    if given.log:
        return float(math.exp(rng.uniform(math.log(given.low), math.log(given.high))))
    return float(rng.uniform(given.low, given.high))


def _steps(name: str, given: Range) -> list[Any]:
    if given.choices is not None:
        return given.choices
    if given.steps is None:
        raise InputError(f"a search by grid needs steps for {name}: give choices, or low, high and steps")
    import numpy as np

    assert given.low is not None and given.high is not None
    axis = np.geomspace(given.low, given.high, given.steps) if given.log else np.linspace(given.low, given.high, given.steps)
    return list(dict.fromkeys(round(v) for v in axis)) if given.integer else [float(v) for v in axis]


def _suggest(trial: Trial, name: str, given: Range) -> Any:
    if given.choices is not None:
        place = trial.suggest_categorical(name, [_text(one) for one in given.choices])
        return given.choices[[_text(one) for one in given.choices].index(place)]
    assert given.low is not None and given.high is not None
    if given.integer:
        return trial.suggest_int(name, int(given.low), int(given.high), log=given.log)
    return trial.suggest_float(name, given.low, given.high, log=given.log)


def _distribution(given: Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if given.choices is not None:
        return CategoricalDistribution([_text(one) for one in given.choices])
    assert given.low is not None and given.high is not None
    if given.integer:
        return IntDistribution(int(given.low), int(given.high), log=given.log)
    return FloatDistribution(given.low, given.high, log=given.log)


def _plain(value: Any, given: Range) -> Any:
    return _text(value) if given.choices is not None else value


def _text(value: Any) -> str:
    """Return a choice as Optuna takes it: a list or a mapping is no category there."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def domain(given: Range) -> Any:
    """Return a range as Ray draws from it."""
    from ray import tune

    if given.choices is not None:
        return tune.choice(given.choices)
    assert given.low is not None and given.high is not None
    if given.integer:
        return tune.randint(int(given.low), int(given.high) + 1)
    return (tune.loguniform if given.log else tune.uniform)(given.low, given.high)
