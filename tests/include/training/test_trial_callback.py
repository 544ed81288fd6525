"""What Ray Tune calls, without a cluster."""

from types import SimpleNamespace

import pytest

from include.training.trial import CHOSEN
from include.training.trial_callback import callback

pytestmark = pytest.mark.integration  # what imports Ray fixes how later tests of this process log in to clusters
TRIAL = SimpleNamespace(trial_id="a", config={"learning_rate": 0.2}, checkpoint=None)


def test_a_result_counts_for_what_it_was_reached_with():
    """Ray asks a population's scheduler, which may change a trial, before it tells of the result."""
    told = []
    log = SimpleNamespace(result=lambda *given: told.append(given), broken=None)
    result = {"epoch": 2, CHOSEN: {"learning_rate": 0.1}}
    callback(log).on_trial_result(1, [], TRIAL, result)
    assert told == [("a", result, {"learning_rate": 0.1})]


def test_what_the_log_raises_ends_the_search_at_the_end_of_the_step_and_nothing_is_written_after_it():
    asked, gone = [], ConnectionError("MLflow는 없다")

    def finish(key):
        asked.append("finish")
        raise gone

    log = SimpleNamespace(start=lambda *given: asked.append("start"), finish=finish, lost=finish, fail=finish, broken=None)
    made = callback(log)
    made.on_step_end(1, [])
    made.on_trial_start(1, [], TRIAL)
    made.on_trial_complete(1, [], TRIAL)  # Ray would take an error here for a lost worker
    made.on_trial_recover(1, [], TRIAL)
    made.on_trial_start(1, [], TRIAL)
    assert asked == ["start", "finish"]
    with pytest.raises(ConnectionError, match="MLflow는 없다"):
        made.on_step_end(1, [])
