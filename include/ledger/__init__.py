"""The ledger: the records that no engine keeps, and the audit chain over them."""

from include.ledger.canonical import canonical_json, digest
from include.ledger.errors import LedgerError, LedgerRefusal
from include.ledger.ledger import Ledger
from include.ledger.records import (
    Alert,
    Approval,
    AssetNote,
    AuditCheck,
    AuditEntry,
    CodeVersion,
    Decision,
    Deployment,
    EnvironmentVersion,
    Kind,
    OnlineView,
    Release,
    Route,
    Window,
)

__all__ = [
    "Alert",
    "Approval",
    "AssetNote",
    "AuditCheck",
    "AuditEntry",
    "CodeVersion",
    "Decision",
    "Deployment",
    "EnvironmentVersion",
    "Kind",
    "Ledger",
    "LedgerError",
    "LedgerRefusal",
    "OnlineView",
    "Release",
    "Route",
    "Window",
    "canonical_json",
    "digest",
]
