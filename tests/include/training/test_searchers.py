"""Who chooses the points of a search."""

import pytest

from include.projects.tuning import Range, Tuning
from include.training.searchers import algorithm
from include.training.trial_log import TrialLog
from include.training.trial_record import Trial

pytestmark = pytest.mark.integration  # what imports Ray fixes how later tests of this process log in to clusters


def test_optuna_tries_no_point_twice_while_the_space_has_others(digits):
    space = {"channels": Range(choices=[4, 8]), "hidden": Range(low=1, high=8, integer=True)}
    training = digits.training.model_copy(update={"tuning": Tuning(search="bayesian", space=space)})
    project = digits.model_copy(update={"training": training})
    log = TrialLog(None, "1", "p", 16, 1, "validation_accuracy", "max", print)  # type: ignore[arg-type]
    known = {"epoch": 1.0, "validation_accuracy": 0.5, "validation_loss": 1.0}
    log.trials["of an earlier try"] = Trial(1, "r", {"channels": 4, "hidden": 3}, "finished", [known])
    searcher, seen = algorithm(project, None, log), [{"channels": 4, "hidden": 3}]
    for number in range(15):
        point = searcher.suggest(str(number))
        assert point not in seen
        seen.append(point)
        # One value is far better than all others, so that what it learns draws it there again and again.
        searcher.on_trial_complete(str(number), {"validation_accuracy": float(point["hidden"] == 5 and point["channels"] == 8)})
    assert len(seen) == 16
