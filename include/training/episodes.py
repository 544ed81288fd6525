"""Episodes: what a policy brings in a project's simulator, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.projects.control import Control
from include.training.errors import InputError
from include.training.preparation import Preparation
from include.training.transforms import transform

if TYPE_CHECKING:
    import numpy as np

Policy = Callable[["np.ndarray"], "np.ndarray"]


def control_of(project: Project) -> Control:
    """Return the section ``control`` of a project of that task."""
    if project.control is None:
        raise InputError(f"{project.name} has no section control, and its task is {project.task}")
    return project.control


def inputs_of(project: Project, preparation: Preparation | None, states: np.ndarray) -> np.ndarray:
    """Return what a model takes for states (n, columns of the state), prepared as those of the table are."""
    import numpy as np

    values = {name: np.asarray(states[:, place], dtype=np.float64) for place, name in enumerate(control_of(project).state)}
    steps = preparation.steps if preparation else None
    made = project.component("preprocess")(values) if steps is None else transform(values, steps)
    return np.ascontiguousarray(made, dtype=np.float32)


def returns(project: Project, policy: Policy, episodes: int, seed: int) -> np.ndarray:
    """Play episodes side by side and return the sum of rewards of each, float64 (episodes,).

    Args:
        project: gives the simulator, its actions, and after how many steps an episode is cut off.
        policy: of states (n, columns of the state) actions (n,).
        episodes: how many; the i-th begins with the seed ``seed`` + i.
        seed: of the simulator.

    Raises:
        InputError: the simulator fails, or its states are not those of the table.
    """
    import numpy as np

    wanted = control_of(project)
    where = f"control.simulator of {project.name} ({wanted.simulator})"
    make = project.function("control.simulator", wanted.simulator)
    worlds: list[Any] = []
    try:
        worlds += [make() for _ in range(episodes)]
        states = np.array([world.reset(seed=seed + number)[0] for number, world in enumerate(worlds)], dtype=np.float64)
        if states.shape != (episodes, len(wanted.state)):
            raise InputError(f"{where} gives states {states.shape[1:]}; control.state names {len(wanted.state)} columns")
        total, going = np.zeros(episodes), np.arange(episodes)
        for _ in range(wanted.max_steps):
            actions = policy(states[going])
            left = []
            for at, action in zip(going, actions, strict=True):
                state, reward, ended, cut, _ = worlds[at].step(int(action))
                states[at] = state
                total[at] += float(reward)
                if not (ended or cut):
                    left.append(at)
            going = np.array(left, dtype=int)
            if not len(going):
                break
    except InputError:
        raise
    except Exception as cause:
        raise InputError(f"{where} raised {type(cause).__name__}: {cause}") from cause
    finally:
        for world in worlds:
            world.close()
    if not np.isfinite(total).all():
        raise InputError(f"{where} gave rewards that are not finite")
    return total


def by_chance(project: Project, seed: int = 0) -> Policy:
    """Return the policy that takes every action alike often."""
    import numpy as np

    draw, count = np.random.default_rng(seed), len(control_of(project).actions)
    return lambda states: draw.integers(0, count, len(states))
