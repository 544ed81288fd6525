import json
import uuid

import pytest

from include.clients.mlflow import ensure_experiment, mlflow_client
from include.training.trial_log import TrialLog
from include.training.trial_record import Trial

SLOW, FAST = {"learning_rate": 0.001, "channels": [8, 8]}, {"learning_rate": 0.0012, "channels": [8, 8]}


def epoch(number: int, accuracy: float) -> dict[str, float]:
    return {"epoch": number, "train_loss": 1.0, "validation_loss": 1.0, "validation_accuracy": accuracy}


def test_an_epoch_was_trained_with_what_was_in_place_then():
    rows = [epoch(2, 0.5), epoch(4, 0.9), epoch(4, 0.9), epoch(6, 0.8)]
    trial = Trial(1, "r", SLOW, history=rows, changes=[(2, FAST)])
    assert [trial.params_of(row) for row in rows] == [SLOW, SLOW, FAST, FAST]  # the second and third are alike
    assert trial.now == FAST and Trial(1, "r", SLOW).now == SLOW


def test_a_change_is_told_by_other_hyperparameters_or_an_epoch_that_comes_again():
    trial = Trial(1, "r", SLOW, history=[epoch(2, 0.5)])
    assert not trial.changed(4, SLOW) and not trial.changed(1, None)
    assert trial.changed(4, FAST) and trial.changed(2, SLOW)


@pytest.mark.integration
def test_a_member_of_a_population_is_recalled_as_it_was(settings):
    client = mlflow_client(settings)
    place = ensure_experiment(client, f"digits/{uuid.uuid4().hex}")
    parent = client.create_run(place).info.run_id
    lines: list[str] = []

    def log() -> TrialLog:
        return TrialLog(
            client, place, parent, 1, 6, "validation_accuracy", "max", lines.append, {"split_digest": "d"}, {"seed": 7}
        )

    first = log()
    first.start("a", SLOW)
    # It took over a member that lay behind in epochs, and so the fourth comes twice; the first one was the better.
    for number, accuracy, params in ((2, 0.5, SLOW), (4, 0.75, SLOW), (4, 0.625, FAST), (6, 0.875, FAST), (6, 0.25, SLOW)):
        first.result("a", epoch(number, accuracy), params)
    first.finish("a")
    (before,) = first.trials.values()
    assert "trial 1/1 took over a better model and goes on with learning_rate 0.0012" in lines

    again = log()
    again.recall()
    (trial,) = again.trials.values()
    assert trial.history == before.history and trial.changes == before.changes == [(2, FAST), (4, SLOW)]
    best = again.top(trial)
    assert best and (best["validation_accuracy"], trial.params_of(best), trial.now) == (0.875, FAST, SLOW)
    run = client.get_run(trial.run_id)
    assert json.loads(run.data.tags["devmlops.changes"]) == [[2, {"learning_rate": 0.0012}], [4, {}]]
    assert run.data.tags["split_digest"] == "d" and (run.data.params["seed"], run.data.params["learning_rate"]) == ("7", "0.001")
