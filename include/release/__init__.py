"""Releases: opened, sealed under one digest, approved, deployed, rolled back."""

from include.release.after_switch import UnfinishedError
from include.release.approval import ApprovalError, record_answer, verify
from include.release.deployment import deploy, rollback, status
from include.release.errors import ReleaseError
from include.release.manifest import build_manifest
from include.release.steps import NotReleasable, open_release, seal

__all__ = [
    "ApprovalError",
    "NotReleasable",
    "ReleaseError",
    "UnfinishedError",
    "build_manifest",
    "deploy",
    "open_release",
    "record_answer",
    "rollback",
    "seal",
    "status",
    "verify",
]
