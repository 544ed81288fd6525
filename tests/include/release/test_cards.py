"""Cards of the models of a deployment are made anew, and one that cannot be stops nothing."""

from __future__ import annotations

import pytest

from include.clients.mlflow import MlflowError
from include.ledger import Ledger
from include.projects import load_project
from include.release.cards import renew_cards
from include.settings import Settings


@pytest.fixture
def deployed(tmp_path):
    settings = Settings(home=tmp_path)
    ledger = Ledger(settings.ledger())
    ledger.migrate()
    names = [
        ledger.open_release("digits", f"digits.release/{version}", ["developer"], {"name": "digits", "version": version}).id
        for version in ("1", "2")
    ]
    return settings, {"previous": names[0], "release_id": names[1]}


@pytest.fixture
def made(monkeypatch):
    done: list[str] = []

    def card(settings, project, version):
        done.append(version)
        if version in broken:
            raise MlflowError(settings.mlflow_url, "make the card", "no answer")
        return {"url": f"card of {version}"}

    broken: set[str] = set()
    monkeypatch.setattr("include.training.model_card", card)
    return done, broken


def test_both_models_get_their_cards_anew(deployed, made):
    settings, deployment = deployed
    assert renew_cards(settings, load_project("digits"), deployment) == "card of 2" and made[0] == ["1", "2"]
    assert renew_cards(settings, load_project("digits"), {**deployment, "previous": None}) == "card of 2"


@pytest.mark.parametrize(("broken", "url"), [({"1"}, "card of 2"), ({"2"}, None)])
def test_a_card_that_cannot_be_made_stops_nothing(deployed, made, caplog, broken, url):
    settings, deployment = deployed
    made[1].update(broken)
    assert renew_cards(settings, load_project("digits"), deployment) == url
    assert made[0] == ["1", "2"] and "is not up to date" in caplog.text
    assert renew_cards(settings, load_project("digits"), {"release_id": "digits-r9999"}) is None
