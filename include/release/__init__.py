"""Releases: opened, sealed under one digest, approved, deployed, rolled back."""

from include.release.approval import ApprovalError, record_answer, verify
from include.release.deployment import UnfinishedError, deploy, rollback, status
from include.release.errors import ReleaseError
from include.release.lifecycle import open_release, seal
from include.release.manifest import build_manifest

__all__ = [
    "ApprovalError",
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
