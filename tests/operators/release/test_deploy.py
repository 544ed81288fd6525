"""Deployment and rollback link the card of the model that is in production then."""

from __future__ import annotations

import pytest

from operators.links import ReportLink
from operators.release import DeployOperator, RollbackOperator


@pytest.mark.parametrize(
    ("task", "does"),
    [
        (DeployOperator(task_id="deploy", project="digits", release={"id": "digits-r0002"}), "deploy"),
        (RollbackOperator(task_id="roll_back", project="digits", reason="시험"), "rollback"),
    ],
)
def test_the_card_is_made_anew_and_linked(no_connections, context, monkeypatch, task, does):
    made, seen = {"release_id": "digits-r0002", "previous": "digits-r0001"}, []
    monkeypatch.setattr(f"include.release.deployment.{does}", lambda *given, **more: made)
    monkeypatch.setattr("include.release.cards.renew_cards", lambda settings, project, done: seen.append(done) or "http://card")
    assert task.execute(context) == made and seen == [made]
    assert ReportLink("Model card").get_link(task, ti_key=None) == "http://card"
