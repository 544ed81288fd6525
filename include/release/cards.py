"""Model cards after a deployment: approvals and states are known then that were not when the model was confirmed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from include import training
from include.clients.mlflow import MlflowError
from include.errors import FinalError
from include.ledger import Ledger, LedgerError
from include.projects import Project
from include.settings import Settings


def renew_cards(settings: Settings, project: Project, deployed: Mapping[str, Any]) -> str | None:
    """Make the cards of the model that is in production now and of the one before anew; a card that fails stops nothing.

    Args:
        settings: name MLflow, the ledger and the data server.
        project: whose models.
        deployed: what `include.release.deployment.deploy` or `rollback` returned.

    Returns:
        The address of the card of the model in production, None where it could not be made.
    """
    ledger, url = Ledger(settings.ledger()), None
    for name in ("previous", "release_id"):  # the one in production last: its address is returned
        release = deployed.get(name)
        if not release:
            continue
        try:
            url = training.model_card(settings, project, str(ledger.release(release).model["version"]))["url"]
        except (MlflowError, LedgerError, FinalError) as cause:
            logging.getLogger(__name__).warning("the card of the model of %s is not up to date: %s", release, cause)
            url = None
    return url
