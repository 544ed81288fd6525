"""The space of a search: what may be chosen, as points that the same seed always gives in the same order."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.tuning import Range
from include.training.errors import InputError
from include.training.learners import FAMILY

if TYPE_CHECKING:
    from optuna import Trial

Point = dict[str, Any]
TRIES = 20  # draws of a point for each that is wanted, before the rest of a small space is taken in order


def spaces(project: Project) -> dict[str, Mapping[str, Range]]:
    """Return the ranges of each family of models; one family without a name where project.yaml names none."""
    training = project.training
    if not training.families:
        return {"": training.tuning.space}
    return {name: {**training.tuning.space, **family.space} for name, family in training.families.items()}


def narrowed(project: Project, fixed: Mapping[str, Any]) -> Project:
    """Return the project with a space that leaves out what is ``fixed`` by a model to begin with.

    Raises:
        InputError: that model is of a family that the project does not have, or a population has nothing left to change.
    """
    training, tuning = project.training, project.training.tuning
    families = training.families
    if FAMILY in fixed:
        if fixed[FAMILY] not in families:
            problem = f"the model to begin with is of the family {fixed[FAMILY]!r}, and {project.name} has"
            raise InputError(f"{problem} {', '.join(families) or 'no families'}: begin with another, or name the family")
        families = {fixed[FAMILY]: families[fixed[FAMILY]]}
    mutate = [name for name in tuning.mutate if name not in fixed]
    if tuning.mutate and not mutate:
        problem = f"all that a population of {project.name} may change ({', '.join(tuning.mutate)}) is fixed by the model"
        raise InputError(f"{problem} to begin with: add to training.tuning.mutate, or search otherwise")
    return project.model_copy(
        update={
            "training": training.model_copy(
                update={
                    "tuning": tuning.model_copy(update={"space": _without(tuning.space, fixed), "mutate": mutate}),
                    "families": {
                        name: one.model_copy(update={"space": _without(one.space, fixed)}) for name, one in families.items()
                    },
                }
            )
        }
    )


def _without(ranges: Mapping[str, Range], fixed: Mapping[str, Any]) -> dict[str, Range]:
    return {name: one for name, one in ranges.items() if name not in fixed}


def size(project: Project) -> int | None:
    """Return how many points the space has; None where a range that is not of whole numbers makes them countless."""
    total = 0
    for ranges in spaces(project).values():
        counts = [_count(one) for one in ranges.values()]
        if None in counts:
            return None
        total += math.prod(count for count in counts if count is not None)
    return total


def samples(project: Project, total: int) -> list[Point]:
    """Return ``total`` random points, none twice; fewer where the space has no more.

    The same seed gives the same ones. What chance does not find in a small space comes in order at the end.
    """
    found: dict[str, Point] = {}
    for number in range(1, TRIES * total + 1):
        point = sample(project, number)
        found.setdefault(key(point), point)
        if len(found) == total:
            return list(found.values())
    if size(project) is not None:
        for point in _every(project):
            found.setdefault(key(point), point)
            if len(found) == total:
                break
    return list(found.values())


def key(point: Point) -> str:
    """Return what two points have in common that are the same."""
    return _text(point)


def _every(project: Project) -> Iterator[Point]:
    for family, ranges in spaces(project).items():
        axes = {name: one.choices or range(_whole(one.low), _whole(one.high) + 1) for name, one in sorted(ranges.items())}
        for values in itertools.product(*axes.values()):
            yield _point(family, dict(zip(axes, values, strict=True)))


def _count(given: Range) -> int | None:
    if given.choices is not None:
        return len({_text(one) for one in given.choices})
    return _whole(given.high) - _whole(given.low) + 1 if given.integer else None


def _whole(end: float | None) -> int:
    assert end is not None
    return int(end)


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

    They are no more than ``training.tuning.trials``: a project.yaml with a larger grid is refused.
    """
    points: list[Point] = []
    for family, ranges in spaces(project).items():
        axes = {name: given.grid() for name, given in sorted(ranges.items())}
        points += [_point(family, dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]
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
    if given.integer and given.log:  # each whole number has the stretch that is rounded to it
        drawn = math.exp(rng.uniform(math.log(given.low - 0.5), math.log(given.high + 0.5)))
        return min(max(round(drawn), int(given.low)), int(given.high))
    if given.integer:
        return int(rng.integers(int(given.low), int(given.high) + 1))
    if given.log:
        return float(math.exp(rng.uniform(math.log(given.low), math.log(given.high))))
    return float(rng.uniform(given.low, given.high))


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


def changes(given: Range) -> Any:
    """Return a range as Ray changes a value of it in the middle of a training: to the next choice, or by a factor."""
    return given.choices if given.choices is not None else domain(given)


def kept(project: Project, point: Point) -> Point:
    """Return a point with numbers that a factor led out of their range brought back to its end."""
    ends = {name: (one.low, one.high) for name, one in project.training.tuning.space.items() if one.choices is None}
    return {
        name: type(value)(min(max(value, ends[name][0]), ends[name][1])) if name in ends else value
        for name, value in point.items()
    }


def domain(given: Range) -> Any:
    """Return a range as Ray draws from it."""
    from ray import tune

    if given.choices is not None:
        return tune.choice(given.choices)
    assert given.low is not None and given.high is not None
    if given.integer:
        return (tune.lograndint if given.log else tune.randint)(int(given.low), int(given.high) + 1)
    return (tune.loguniform if given.log else tune.uniform)(given.low, given.high)
