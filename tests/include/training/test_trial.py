"""One trial of a search, without Ray: what it trains with, and what it reports."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from include.projects.training import StartFrom
from include.training.origin import Start
from include.training.parts import Arrays
from include.training.trial import CHOSEN, ERROR, member, trial

START = Start({"hidden": 32}, {"state_dict.pt": b"of the origin"})
MEASURED = {"epoch": 1, "train_loss": 1.0, "validation_loss": 1.0, "validation_accuracy": 0.5}
ROWS = Arrays(None, np.zeros((2, 1)), np.zeros(2), [])


@pytest.fixture
def reported(monkeypatch):
    """Stand for Ray's part in a worker, and return what was reported to it."""
    seen = []
    tune = SimpleNamespace(
        report=lambda told, checkpoint=None: seen.append(told),
        get_checkpoint=lambda: None,
        Checkpoint=SimpleNamespace(from_directory=lambda folder: folder),
    )
    ray = ModuleType("ray")
    ray.tune = tune
    monkeypatch.setitem(sys.modules, "ray", ray)
    return seen


@pytest.fixture
def fits(monkeypatch):
    """Return what a learner was asked for; ``measured`` is what it measures."""
    seen = SimpleNamespace(calls=[], measured=MEASURED)

    def fit(project, params, parts, seed, epochs, on_epoch, initial):
        wish = project.training.start_from
        call = {"params": params, "seed": seed, "epochs": epochs, "initial": initial}
        seen.calls.append({**call, "anew": wish.anew if wish else None, "freeze": wish.freeze if wish else None})
        if on_epoch:
            on_epoch(seen.measured)
        return SimpleNamespace(best=seen.measured, files=lambda: {"state_dict.pt": f"of stretch {len(seen.calls)}".encode()})

    monkeypatch.setattr("include.training.trial.training_learner", lambda project, params: SimpleNamespace(fit=fit))
    return seen


def test_a_trial_begins_with_the_weights_and_the_shape_of_a_model(digits, reported, fits):
    trial({"learning_rate": 0.1, "hidden": 64}, digits, {"train": ROWS}, 7, 3, START)
    (call,) = fits.calls
    assert call["params"] == {"learning_rate": 0.1, "hidden": 32} and call["initial"] == {"state_dict.pt": b"of the origin"}
    assert reported == [MEASURED]
    trial({"learning_rate": 0.1, "hidden": 64}, digits, {"train": ROWS}, 7, 3, Start())
    assert fits.calls[1]["params"]["hidden"] == 64 and fits.calls[1]["initial"] is None


def test_a_member_of_a_population_begins_layers_anew_once(digits, reported, fits):
    wish = StartFrom(anew=["9."], freeze=["0."])
    project = digits.model_copy(update={"training": digits.training.model_copy(update={"start_from": wish})})
    member({"learning_rate": 0.1}, project, {"train": ROWS}, 7, 5, START, 2)
    assert [call["anew"] for call in fits.calls] == [["9."], [], []]
    assert [call["freeze"] for call in fits.calls] == [["0."]] * 3
    assert [call["initial"]["state_dict.pt"] for call in fits.calls] == [b"of the origin", b"of stretch 1", b"of stretch 2"]
    assert all(call["params"] == {"learning_rate": 0.1, "hidden": 32} for call in fits.calls)
    # What was searched is told with each result: by the time that it is read, Ray may have changed it for the next one.
    assert [(told["epoch"], told[CHOSEN]) for told in reported] == [(n, {"learning_rate": 0.1}) for n in (2, 4, 5)]


def test_a_learner_that_does_not_measure_what_decides_is_told_so(digits, reported, fits):
    fits.measured = {name: value for name, value in MEASURED.items() if name != "validation_accuracy"}
    trial({}, digits, {"train": ROWS}, 7, 3, Start())
    member({}, digits, {"train": ROWS}, 7, 3, Start(), 2)
    assert len(reported) == 2
    for told in reported:
        problem = "InputError: the learner of digits measures epoch, train_loss, validation_loss, not validation_accuracy"
        assert problem in told[ERROR]
