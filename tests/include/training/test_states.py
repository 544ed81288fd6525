import pytest

from include.clients.mlflow import log_metrics, mlflow_client
from include.training.confirm import checks, confirm
from include.training.errors import GateError, InputError, StateError
from include.training.evaluate import evaluate
from include.training.models import load_model, model_info
from include.training.register import register
from include.training.states import HISTORY_CHARACTERS, history_entry, history_tag, set_state, state_history
from include.training.train import train
from tests.include.training.registry import TESTED, own_project
from tests.include.training.registry import version as registered


@pytest.fixture
def lenient(digits):
    """Return the project with a gate that a short training passes, and a model name of its own."""
    training = digits.training
    gate = training.gate.model_copy(update={"minimum": 0.5, "beat_baseline": False})
    return digits.model_copy(update={"training": training.model_copy(update={"gate": gate})})


@pytest.fixture
def make(settings, lenient, served, split, params):
    """Return a function that trains and registers one more version."""

    def version(epochs: int = 2) -> str:
        run_id = train(settings, lenient, split, params, author="minji", epochs=epochs)["run_id"]
        evaluate(settings, lenient, split, run_id)
        log_metrics(mlflow_client(settings), run_id, {f"test_{name}": value for name, value in TESTED.items()})
        return str(register(settings, lenient, run_id)["version"])

    return version


@pytest.mark.integration
def test_a_version_knows_its_data_run_and_author(settings, lenient, make, split):
    version = make()
    info = model_info(settings, lenient, version)
    assert info["name"] == "digits" and info["version"] == version and info["author"] == "minji"
    assert info["data"] == {k: v for k, v in split.items() if k != "counts"}
    assert info["state"] == "training" and not info["confirmed"]
    assert 0.5 < info["metrics"]["accuracy"] <= 1 and info["metrics"]["baseline_accuracy"] > 0.8
    assert info == model_info(settings, lenient, "latest") == model_info(settings, lenient, f"v{version}")
    assert register(settings, lenient, info["run_id"])["version"] == version  # the same run, the same version
    with pytest.raises(InputError, match="no model version"):
        model_info(settings, lenient, "nobody")


@pytest.mark.integration
def test_only_a_finished_evaluated_training_can_be_registered(settings, lenient, served, split, params):
    run_id = train(settings, lenient, split, params, epochs=1)["run_id"]
    with pytest.raises(InputError, match="not evaluated"):
        register(settings, lenient, run_id)
    client = mlflow_client(settings)
    other = client.create_run("0").info.run_id
    with pytest.raises(InputError, match="no training of digits"):
        register(settings, lenient, other)
    client.update_run(run_id, status="RUNNING")
    with pytest.raises(InputError, match="running"):
        register(settings, lenient, run_id)


@pytest.mark.integration
def test_the_gate_confirms_or_says_why_not(settings, digits, lenient, make):
    version = make()
    with pytest.raises(GateError, match=r"wanted at least 0\.95|above the baseline") as failed:
        confirm(settings, digits, version, "minji")  # two epochs do not reach the real gate
    assert any(not check["ok"] for check in failed.value.checks)
    assert not model_info(settings, lenient, version)["confirmed"]
    done = confirm(settings, lenient, version, "minji", "good enough to try")
    assert done["confirmed"] and done["checks"][0]["ok"]
    assert model_info(settings, lenient, "confirmed")["version"] == version
    tags = mlflow_client(settings).get_model_version("digits", version).tags
    assert (tags["confirmed_by"], tags["confirmed_why"]) == ("minji", "good enough to try")


def test_the_gate_wants_both_checks(digits):
    fine = checks(digits, {"accuracy": 0.97, "baseline_accuracy": 0.96, **TESTED})
    assert all(check["ok"] for check in fine)
    tie = checks(digits, {"accuracy": 0.97, "baseline_accuracy": 0.97, **TESTED})
    assert [check["ok"] for check in tie] == [True, False, True, True]
    with pytest.raises(InputError, match="baseline_accuracy"):
        checks(digits, {"accuracy": 0.97})


@pytest.mark.integration
def test_a_new_one_in_production_moves_the_old_one_to_idle(settings, lenient, make):
    old, new = make(), make()
    for version in (old, new):
        with pytest.raises(StateError, match="not confirmed"):
            set_state(settings, lenient, version, "dev_deployed", "minji")
        confirm(settings, lenient, version, "minji")
    with pytest.raises(StateError, match="training it may go to dev_deployed"):
        set_state(settings, lenient, old, "production", "ops")
    set_state(settings, lenient, old, "dev_deployed", "ops", "staging")
    set_state(settings, lenient, old, "production", "ops", "first release")
    set_state(settings, lenient, new, "dev_deployed", "ops")
    done = set_state(settings, lenient, new, "production", "ops", "더 나은 모델")
    assert done["moved_to_idle"] == [old] and done["state"] == "production"
    assert model_info(settings, lenient, "production")["version"] == new
    assert model_info(settings, lenient, old)["state"] == "idle"
    history = state_history(settings, lenient, new)
    assert [h["state"] for h in history] == ["training", "dev_deployed", "production"]
    assert (history[-1]["by"], history[-1]["why"]) == ("ops", "더 나은 모델")

    assert set_state(settings, lenient, new, "production", "ops")["moved_to_idle"] == []  # again changes nothing
    assert state_history(settings, lenient, new) == history
    set_state(settings, lenient, old, "production", "ops", "rollback")
    assert model_info(settings, lenient, "production")["version"] == old
    assert model_info(settings, lenient, new)["state"] == "idle"
    set_state(settings, lenient, old, "idle", "ops", "retired")
    with pytest.raises(InputError, match="no model version 'production'"):
        model_info(settings, lenient, "production")


@pytest.mark.integration
def test_a_new_one_in_staging_moves_the_old_one_to_idle(settings):
    project = own_project()
    old, new, live = (registered(settings, project) for _ in range(3))
    for version in (old, new, live):
        confirm(settings, project, version, "minji")
    set_state(settings, project, live, "dev_deployed", "ops")
    set_state(settings, project, live, "production", "ops")
    assert set_state(settings, project, old, "dev_deployed", "ops")["moved_to_idle"] == []
    done = set_state(settings, project, new, "dev_deployed", "운영", "시험 통과")
    assert (done["state"], done["moved_to_idle"]) == ("dev_deployed", [old])
    last = state_history(settings, project, old)[-1]
    assert (last["was"], last["state"], last["by"]) == ("dev_deployed", "idle", "운영")
    assert last["why"] == f"v{new} went to dev_deployed" and model_info(settings, project, "production")["version"] == live
    assert set_state(settings, project, old, "production", "ops", "approved late")["moved_to_idle"] == [live]
    assert model_info(settings, project, new)["state"] == "dev_deployed"
    mlflow_client(settings).set_model_version_tag(project.name, live, "state", "dev_deployed")  # and then the process died
    assert set_state(settings, project, live, "dev_deployed", "ops")["moved_to_idle"] == [new]


@pytest.mark.integration
def test_a_change_cut_off_in_the_middle_is_finished_by_the_next_try(settings, lenient, make):
    old, new = make(), make()
    for version in (old, new):
        confirm(settings, lenient, version, "minji")
        set_state(settings, lenient, version, "dev_deployed", "ops")
    set_state(settings, lenient, old, "production", "ops")
    client = mlflow_client(settings)
    client.set_model_version_tag("digits", new, "state", "production")  # and then the process died
    set_state(settings, lenient, new, "production", "ops")
    assert model_info(settings, lenient, "production")["version"] == new
    assert model_info(settings, lenient, old)["state"] == "idle"
    set_state(settings, lenient, new, "idle", "ops")


@pytest.mark.integration
def test_a_state_that_is_none_is_refused(settings, lenient):
    with pytest.raises(InputError, match="no state 'archived'"):
        set_state(settings, lenient, "1", "archived", "ops")  # type: ignore[arg-type]


@pytest.mark.integration
def test_a_loaded_model_answers(settings, lenient, make, arrays):
    from include.training.learners import predict

    version = make()
    fitted = load_model(settings, lenient, version)
    accuracy = (predict(fitted, lenient, arrays["test"].contents).argmax(1) == arrays["test"].labels).mean()
    assert accuracy == pytest.approx(model_info(settings, lenient, version)["metrics"]["accuracy"])
    assert not fitted.module.training


def test_a_long_history_drops_its_oldest_entries():
    text = history_tag([history_entry("idle", "ops", f"{n:04d}" + "x" * 500) for n in range(300)])
    assert len(text) <= HISTORY_CHARACTERS and "0299" in text and "0000" not in text
