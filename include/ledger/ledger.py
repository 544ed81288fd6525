"""The one face of the ledger."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from include.ledger.alerts import AlertLedger
from include.ledger.approvals import ApprovalLedger
from include.ledger.asset_notes import AssetNoteLedger
from include.ledger.audit import AuditLedger
from include.ledger.code import CodeLedger
from include.ledger.deployments import DeploymentLedger
from include.ledger.engine import shown
from include.ledger.environments import EnvironmentLedger
from include.ledger.errors import LedgerError
from include.ledger.features import FeatureLedger
from include.ledger.leases import LeaseLedger
from include.ledger.migrate import migrate
from include.ledger.releases import ReleaseLedger
from include.ledger.windows import WindowLedger


class Ledger(
    AuditLedger,
    ReleaseLedger,
    ApprovalLedger,
    DeploymentLedger,
    AlertLedger,
    WindowLedger,
    FeatureLedger,
    AssetNoteLedger,
    EnvironmentLedger,
    CodeLedger,
    LeaseLedger,
):
    """The records that no engine keeps: releases, approvals, deployments, alerts, windows, online features, notes on
    assets, environments of jobs, states of code, leases, and the audit chain.

    Every method is one transaction, and every change writes its audit entry in that same transaction. All
    lists come oldest first. It may be used by any number of threads and processes.

    Args:
        url: SQLAlchemy URL, sqlite or postgresql; nothing is contacted before the first call.

    Raises:
        LedgerError: ``url`` is no SQLAlchemy URL.
    """

    def __init__(self, url: str) -> None:
        try:
            make_url(url)
        except ArgumentError:
            raise LedgerError(
                "the ledger's URL cannot be read: set DEVMLOPS_LEDGER_URL, such as sqlite:////data/ledger.db"
            ) from None
        self.url = url

    def __repr__(self) -> str:
        return f"Ledger({shown(self.url)!r})"

    def migrate(self) -> str:
        """Make or update the tables, and return the revision reached; may be called at any time by any process.

        Raises:
            LedgerError: the database cannot be reached, or is newer than this program.
        """
        return migrate(self.url)
