"""What masking refuses. No message holds a value of the data: columns, kinds and counts alone."""

from __future__ import annotations

from collections.abc import Sequence

from include.clients.lakefs import DataError
from include.errors import FinalError


class MaskingError(FinalError, DataError):
    """Masking cannot begin: no rules, no salt, nothing to mask."""


class MaskingRefused(FinalError, DataError):
    """A masked sample that would tell about people; nothing of it was written.

    Attributes:
        problems: one line each.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        advice = "Change the rules under data.masking of project.yaml and mask again; nothing was written to dev"
        super().__init__(where, "; ".join(problems), advice)


class SampleNotApproved(FinalError, DataError):
    """A masked sample that no person has approved as it is; it stays on its branch."""


class Unmaskable(ValueError):
    """One item that cannot be masked and is left out; the message names the reason, never a value."""
