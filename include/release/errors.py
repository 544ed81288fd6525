"""Errors of making, checking and deploying a release."""

from __future__ import annotations

from typing import Any

from include.errors import FinalError


class ReleaseError(FinalError):
    """A release that may not go on.

    Attributes:
        subject: what was looked at, e.g. the release's id.
        problems: one line each: what is wrong, with its numbers, and what to do.
        report: the report that says so, where there is one.
    """

    def __init__(self, subject: str, problems: list[str], report: dict[str, Any] | None = None) -> None:
        self.subject, self.problems, self.report = subject, problems, report
        super().__init__(f"{subject}: " + "; ".join(problems))
