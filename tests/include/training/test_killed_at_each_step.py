"""Each step of a model's way to confirmation, killed at one of its writes and run again: nothing is left double or half."""

import sys
import uuid

import pytest

from include.clients.mlflow import ensure_experiment, find_runs, mlflow_client
from include.ledger import Ledger
from include.projects import Project, load_project
from include.training import confirm, evaluate, register, train
from include.training.model_tests import test_model

pytestmark = pytest.mark.integration
WRITES = ("create_", "log_", "set_", "update_", "delete_")
MODULES = ("train", "evaluate", "register", "model_tests", "confirm", "card")


class Killed(BaseException):
    """What a process that is ended by force does: nothing any more."""


class Mortal:
    """A client whose process dies right after a write.

    Args:
        client: that does the work.
        last: the number of the last write; none lives on.
    """

    def __init__(self, client, last=None):
        self.client, self.last, self.writes = client, last, []

    def __getattr__(self, name):
        found = getattr(self.client, name)
        if not callable(found):
            return found

        def call(*given, **named):
            if self.last is not None and len(self.writes) >= self.last:
                raise Killed
            made = found(*given, **named)
            if name.startswith(WRITES):
                self.writes.append(name)
            if self.last is not None and len(self.writes) >= self.last:
                raise Killed
            return made

        return call


@pytest.fixture
def project(digits, monkeypatch) -> Project:
    """Return digits under a name of its own on the shared server."""
    own = load_project("digits")
    function = Project.function
    monkeypatch.setattr(Project, "function", lambda self, place, reference: function(own, place, reference))
    gate = digits.training.gate.model_copy(update={"minimum": 0.1, "beat_baseline": False})
    training = digits.training.model_copy(
        update={"gate": gate, "explain": False, "code_checks": digits.training.code_checks.model_copy(update={"tools": []})}
    )
    return digits.model_copy(update={"name": f"digits_{uuid.uuid4().hex[:8]}", "training": training})


@pytest.fixture
def dying(settings, monkeypatch):
    """Return a function that does a step whose process dies after its ``last``-th write, and gives its writes."""
    real = mlflow_client(settings)

    def run(step, last=None):
        mortal = Mortal(real, last)
        with monkeypatch.context() as patch:
            for module in MODULES:
                patch.setattr(sys.modules[f"include.training.{module}"], "mlflow_client", lambda settings: mortal)
            if last is None:
                step()
            else:
                with pytest.raises(Killed):
                    step()
        return mortal.writes

    return run


def test_training(settings, project, served, split, params, dying):
    client = mlflow_client(settings)
    experiment = ensure_experiment(client, f"{project.name}/training")

    def step(key):
        return train(settings, project, split, params, key=key, epochs=1, tell=lambda line: None)

    count = len(dying(lambda: step("whole")))
    for last in (1, count - 1):
        dying(lambda: step(f"k{last}"), last)
        done = step(f"k{last}")
        found = find_runs(client, experiment, {"devmlops.kind": "training", "devmlops.key": f"k{last}"})
        assert sorted(run.info.status for run in found) == ["FINISHED", "KILLED"], last
        assert step(f"k{last}") == done  # and no third one


def test_what_comes_after_training(settings, project, served, split, params, dying):
    client = mlflow_client(settings)
    ledger = Ledger(settings.ledger())
    ledger.migrate()
    run_id = train(settings, project, split, params, key="k", epochs=1, tell=lambda line: None)["run_id"]

    def evaluated():
        return evaluate(settings, project, split, run_id)

    expected = len(dying(evaluated))
    metrics = client.get_run(run_id).data.metrics
    dying(evaluated, expected // 2)
    evaluated()
    assert client.get_run(run_id).data.metrics == metrics

    def versions():
        return [one.version for one in client.search_model_versions(f"name='{project.name}'")]

    def registered():
        return register(settings, project, run_id, "minji")

    dying(registered, 1)
    assert versions() == []
    dying(registered, 1)  # the model is there by now, so this is its version
    assert len(versions()) == 1
    assert registered()["version"] == registered()["version"] == "1" and len(versions()) == 1

    def tested():
        return test_model(settings, project, split, run_id, lambda line: None)

    count = len(dying(tested))
    dying(tested, count - 1)
    made = tested()
    assert made["passed"] == len(made["checks"])
    assert client.get_run(run_id).data.metrics["test_tests_failed"] == 0

    def confirmed():
        return confirm(settings, project, "1", "minji")

    writes = len(dying(confirmed, 1))
    for last in range(1, 40):
        try:
            writes += len(dying(confirmed, last))
        except pytest.fail.Exception:  # it had fewer writes left, and came to its end
            break
    assert writes > 4
    assert confirmed()["confirmed"] and client.get_model_version_by_alias(project.name, "confirmed").run_id == run_id
    assert len(versions()) == 1
    assert [one.action for one in ledger.audit_entries(f"model {project.name}")].count("model.confirm") == 1
