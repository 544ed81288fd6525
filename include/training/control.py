"""Control: a policy learnt from logged transitions alone, by fitted Q iteration with a network, and tried in a simulator.

Double Q learning: the network chooses the next action and a slowly following copy of it says what that is worth. Rewards
are divided by how much a steady one of 1 adds up to, so that values stay about 1 whatever the discount is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.training import device
from include.training.episodes import Policy, control_of, inputs_of, returns
from include.training.errors import InputError, TrainingError
from include.training.learners import Epoch, Files, Learner
from include.training.loop import DEFAULTS, TorchLearner, Trained, _begin, weights
from include.training.parts import Arrays
from include.training.preparation import Preparation

if TYPE_CHECKING:
    import numpy as np

FOLLOW = 0.02  # how much the copy follows the network at each step
TRIALS, TRIAL_SEED = 10, 10_000  # episodes after each epoch, with other seeds than those of an evaluation


@dataclass(frozen=True)
class Transitions:
    """Logged transitions as arrays.

    Attributes:
        states: prepared, float32 (n, ...).
        actions: int64 (n,).
        rewards: float32 (n,).
        afterwards: the next states, prepared alike.
        done: float32 (n,): 1 where nothing more can be won.
        episodes: which episode each is of (n,).
    """

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    afterwards: np.ndarray
    done: np.ndarray
    episodes: np.ndarray

    @property
    def returns(self) -> np.ndarray:
        """Return the sum of rewards of each logged episode."""
        import numpy as np

        _, place = np.unique(self.episodes, return_inverse=True)
        return np.bincount(place, self.rewards.astype(np.float64))


class Values(Trained):
    """A network that says for a state what each action is worth."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return values float32 (n, actions)."""
        import numpy as np
        import torch

        was_training, on = self.module.training, device.of(self.module)
        self.module.eval()
        with torch.inference_mode():
            parts = torch.from_numpy(np.ascontiguousarray(inputs)).split(4096)
            found = [self.module(part.to(on)).cpu().numpy() for part in parts]
        self.module.train(was_training)
        return np.concatenate(found)


class ControlLearner(Learner):
    """Learns the values of actions from transitions; the epoch whose policy does best in the simulator is kept."""

    def place(self) -> str:
        """Return the device that networks compute on."""
        return TorchLearner().place()

    def fit(
        self,
        project: Project,
        params: Mapping[str, Any],
        parts: Mapping[str, Arrays],
        seed: int,
        epochs: int,
        on_epoch: Callable[[Epoch], None] | None = None,
        initial: Files | None = None,
    ) -> Values:
        """Train; arguments as of `Learner.fit`."""
        import torch
        from torch.nn import functional

        given, wanted = {**DEFAULTS, **params}, control_of(project)
        train, held = (transitions(project, parts[name]) for name in ("train", "validation"))
        rows = {name: torch.from_numpy(value) for name, value in vars(train).items() if name != "episodes"}
        history: list[Epoch] = []
        best: tuple[tuple[float, float], int, dict[str, torch.Tensor]] | None = None
        on = device.chosen()
        with device.deterministic(seed, on):
            module: Any = _begin(project, params, weights(initial) if initial else None).to(on)
            behind = copy.deepcopy(module)
            optimiser = torch.optim.Adam(
                (one for one in module.parameters() if one.requires_grad),
                lr=float(given["learning_rate"]),
                weight_decay=float(given["weight_decay"]),
            )
            for epoch in range(1, epochs + 1):
                total = 0.0
                for at in torch.randperm(len(train.actions)).split(int(given["batch_size"])):
                    some = {name: value[at].to(on) for name, value in rows.items()}
                    wish = _targets(module, behind, some, wanted.discount)
                    loss = functional.smooth_l1_loss(module(some["states"]).gather(1, some["actions"][:, None])[:, 0], wish)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    with torch.no_grad():
                        for slow, quick in zip(behind.parameters(), module.parameters(), strict=True):
                            slow.lerp_(quick, FOLLOW)
                    total += loss.item() * len(at)
                if not total < float("inf"):
                    raise TrainingError(f"the loss is {total} in epoch {epoch}: lower learning_rate ({given['learning_rate']})")
                now = Values(module, project.task, history, epoch)
                won = returns(project, policy(project, now, parts["train"].preparation), TRIALS, TRIAL_SEED)
                history.append(
                    {
                        "epoch": epoch,
                        "train_loss": total / len(train.actions),
                        "validation_loss": _surprise(module, behind, held, wanted.discount),
                        "validation_return": float(won.mean()),
                    }
                )
                score = (history[-1]["validation_return"], -history[-1]["validation_loss"])
                if best is None or score > best[0]:
                    best = (score, epoch, device.weights_of(module))
                if on_epoch:
                    on_epoch(history[-1])
        assert best is not None
        module.load_state_dict(best[2])
        return Values(module.eval(), project.task, history, best[1])

    def load(self, project: Project, params: Mapping[str, Any], files: Files) -> Values:
        """Build the network and put the weights in."""
        return Values(TorchLearner().load(project, params, files).module, project.task, [], 0)


def transitions(project: Project, part: Arrays) -> Transitions:
    """Return the transitions of a part.

    Raises:
        InputError: an action that control.actions does not count, or values that are missing.
    """
    import numpy as np

    wanted, table = control_of(project), part.contents
    numbers = table[[*wanted.next_state, wanted.reward, wanted.action]].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(numbers).all() or table[wanted.done].isna().any():
        raise InputError(f"transitions of {project.name} lack values: refine them by drop_missing")
    actions = numbers[:, -1].astype(np.int64)
    if actions.min() < 0 or actions.max() >= len(wanted.actions):
        problem = f"{wanted.action} goes from {actions.min()} to {actions.max()}"
        raise InputError(f"{problem}, and control.actions of {project.name} names {len(wanted.actions)} actions, from 0")
    return Transitions(
        part.inputs,
        actions,
        numbers[:, -2].astype(np.float32),
        inputs_of(project, part.preparation, numbers[:, : len(wanted.next_state)]),
        table[wanted.done].astype(bool).to_numpy().astype(np.float32),
        table[wanted.episode].astype(str).to_numpy(),
    )


def policy(project: Project, found: Values, preparation: Preparation | None) -> Policy:
    """Return the policy that takes the action which is worth most."""
    return lambda states: found.predict(inputs_of(project, preparation, states)).argmax(1)


def _targets(module: Any, behind: Any, rows: Mapping[str, Any], discount: float) -> Any:
    import torch

    with torch.no_grad():
        chosen = module(rows["afterwards"]).argmax(1, keepdim=True)
        later = behind(rows["afterwards"]).gather(1, chosen)[:, 0]
        return rows["rewards"] * (1 - discount) + discount * (1 - rows["done"]) * later


def _surprise(module: Any, behind: Any, held: Transitions, discount: float) -> float:
    """Return how far values of the validation part are from what they should be: mean squared temporal difference."""
    import torch

    on = device.of(module)
    rows = {name: torch.from_numpy(value).to(on) for name, value in vars(held).items() if name != "episodes"}
    with torch.no_grad():
        said = module(rows["states"]).gather(1, rows["actions"][:, None])[:, 0]
        return float(((said - _targets(module, behind, rows, discount)) ** 2).mean().item())
