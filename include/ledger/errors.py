"""The ledger's errors."""

from __future__ import annotations

from typing import Any

from include.errors import FinalError


class LedgerError(RuntimeError):
    """The ledger cannot be reached, or refuses.

    Attributes:
        data: what it is about, such as ``release_id``; JSON-able.
    """

    def __init__(self, message: str, **data: Any) -> None:
        self.data = data
        super().__init__(message)


class LedgerRefusal(FinalError, LedgerError):
    """A rule of the ledger forbids the change; nothing was changed, and trying again is refused again."""
