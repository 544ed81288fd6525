"""A policy learnt from a log, and tried in a simulator that the test plays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.projects import Project, load_project
from include.training import preparation
from include.training.control import policy, transitions
from include.training.episodes import by_chance, returns
from include.training.errors import InputError
from include.training.learners import learner
from include.training.parts import Arrays, prepare
from include.training.unlabelled import measure
from include.training.unlabelled_report import pictures

STATE = ("position", "velocity", "angle", "angular_velocity")


class Corridor:
    """Begins at 0; every step to the right brings 1, every one to the left -1; ends after four to the left."""

    def __init__(self) -> None:
        self.at = 0.0

    def reset(self, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
        self.at = (seed % 3) / 10
        return self.state, {}

    @property
    def state(self) -> np.ndarray:
        return np.array([self.at, 0, 0, 0])

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.at += 1 if action else -1
        return self.state, 1.0 if action else -1.0, self.at < -3.5, False, {}

    def close(self) -> None:
        return None


@pytest.fixture
def corridor(building: Any) -> Project:
    wish = load_project("pole_balance").control.model_copy(update={"max_steps": 12, "episodes": 8})
    return building("pole_balance", functions={"simulator:make": Corridor}, control=wish.model_dump())


def log(project: Project, episodes: int, seed: int = 0) -> dict[str, Arrays]:
    import pandas as pd

    draw, rows = np.random.default_rng(seed), []
    for number in range(episodes):
        world = Corridor()
        before, _ = world.reset(number)
        for step in range(12):
            action = int(draw.integers(2))
            after, reward, ended, *_ = world.step(action)
            one = {"episode": f"에피소드 {number}", "step": step + 1, "action": action, "reward": reward, "done": ended}
            one |= dict(zip(STATE, before, strict=True)) | {f"next_{n}": v for n, v in zip(STATE, after, strict=True)}
            rows.append(one)
            before = after
            if ended:
                break
    table = pd.DataFrame(rows)[list(project.data.content.columns)]
    ready, cut = preparation.fit(project, table), int(len(table) * 0.8)
    at = {"train": table[:cut], "validation": table[cut:].reset_index(drop=True), "test": table[cut:].reset_index(drop=True)}
    return {name: prepare(project, part, np.full(len(part), -1), name, preparation=ready) for name, part in at.items()}


def test_the_better_action_is_learnt_from_actions_by_chance(corridor: Project, tmp_path: Any) -> None:
    import onnxruntime

    arrays, params = log(corridor, 60), {"learning_rate": 0.01, "hidden": 16, "batch_size": 32}
    fitted = learner(corridor, params).fit(corridor, params, arrays, 7, 12)
    fitted.preparation = arrays["train"].preparation
    found = measure(corridor, fitted, params, arrays)
    assert found.metrics["mean_return"] == found.metrics["tenth_return"] == 12 and found.metrics["episodes"] == 8
    assert found.metrics["baseline_mean_return"] < 6 and set(pictures(corridor, found)) == {"returns"}
    again = learner(corridor, params).fit(corridor, params, arrays, 7, 12)
    assert again.history == fitted.history
    inputs = arrays["test"].inputs
    fitted.export(inputs, tmp_path / "m.onnx")
    (values,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"input": inputs})
    assert np.array_equal(corridor.component("postprocess")(values)["LABEL"][:, 0], fitted.predict(inputs).argmax(1))
    assert set(policy(corridor, fitted, fitted.preparation)(np.zeros((3, 4)))) == {1}


def test_returns_are_sums_of_rewards(corridor: Project) -> None:
    right, left = (returns(corridor, lambda states, a=action: np.full(len(states), a), 5, 0) for action in (1, 0))
    assert right.tolist() == [12] * 5 and left.tolist() == [-4] * 5
    first, second = (returns(corridor, by_chance(corridor, 3), 6, 0) for _ in range(2))
    assert first.tolist() == second.tolist()
    part = log(corridor, 10)["train"]
    logged = transitions(corridor, part)
    assert logged.returns.sum() == logged.rewards.sum() == part.contents["reward"].sum()


def test_bad_logs_and_simulators_are_told(building: Any, corridor: Project) -> None:
    part = log(corridor, 6)["train"]
    part.contents.loc[2, "action"] = 4
    with pytest.raises(InputError, match=r"action goes from 0 to 4, and control.actions .* names 2"):
        transitions(corridor, part)
    part.contents["next_angle"] = np.nan
    with pytest.raises(InputError, match="lack values"):
        transitions(corridor, part)

    class Other(Corridor):
        def reset(self, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
            return np.zeros(3), {}

    class Broken(Corridor):
        def step(self, action: int) -> Any:
            raise RuntimeError("모터가 멈췄다")

    for world, says in ((Other, r"gives states \(3,\); control.state names 4"), (Broken, "raised RuntimeError: 모터가 멈췄다")):
        project = building("pole_balance", functions={"simulator:make": world})
        with pytest.raises(InputError, match=says):
            returns(project, by_chance(project), 2, 0)
