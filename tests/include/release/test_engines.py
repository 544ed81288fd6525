"""Which state a model has while its release is tried, waits for people, is refused, and goes live."""

from __future__ import annotations

from typing import Any

import pytest

from include.ledger import Ledger, digest
from include.release.approval import record_answer
from include.release.engines import promote, stage
from include.settings import Settings
from include.training import confirm, model_info, state_history
from include.training.errors import StateError
from tests.include.training.registry import own_project, version

pytestmark = pytest.mark.integration
WHY = "the staging test of a release passed"


@pytest.fixture
def settings(mlflow_server: Any, tmp_path: Any, migrated_ledger: Any) -> Settings:
    made = Settings(home=tmp_path, mlflow_url=mlflow_server.url)
    migrated_ledger(made)
    return made


def test_a_model_is_dev_deployed_from_its_staging_test_until_the_next_one_is(settings: Settings) -> None:
    project, ledger = own_project(), Ledger(settings.ledger())
    first, second = version(settings, project), version(settings, project)
    with pytest.raises(StateError, match="not confirmed"):
        stage(settings, project, first, "개발자", WHY)
    for one in (first, second):
        confirm(settings, project, one, "지은")

    def state(one: str) -> str:
        return str(model_info(settings, project, one)["state"])

    stage(settings, project, first, "개발자", WHY)
    last = state_history(settings, project, first)[-1]
    assert (last["was"], last["state"], last["by"], last["why"]) == ("training", "dev_deployed", "개발자", WHY)

    # Nobody approves it in time: the staging route still answers with it.
    release = ledger.open_release(project.name, "key", ["개발자"], {"name": project.name, "version": first})
    ledger.seal_release(release.id, {"a": 1})
    step = project.approval.steps[0].name
    assert record_answer(settings, project, release.id, digest({"a": 1}), step, None, {})["decision"] == "refused"
    assert ledger.release(release.id).state == "refused" and state(first) == "dev_deployed"

    stage(settings, project, second, "개발자", WHY)
    assert (state(first), state(second)) == ("idle", "dev_deployed")
    stage(settings, project, first, "개발자", "once more")
    assert (state(first), state(second)) == ("dev_deployed", "idle")

    promote(settings, project, first, "개발자", "deploy")
    stage(settings, project, first, "개발자", "new inference code")  # of the model that is in production
    assert state(first) == "production" and len(state_history(settings, project, first)) == 5
    promote(settings, project, second, "개발자", "rollback")
    assert (state(first), state(second)) == ("idle", "production")
    assert ledger.verify_audit().ok


def test_a_staging_test_that_ended_before_it_told_is_made_up_for(settings: Settings) -> None:
    project = own_project()
    number = version(settings, project)
    confirm(settings, project, number, "지은")
    promote(settings, project, number, "개발자", "deploy")
    assert [one["state"] for one in state_history(settings, project, number)] == ["training", "dev_deployed", "production"]
