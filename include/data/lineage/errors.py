"""What can go wrong in lineage."""

from __future__ import annotations

from include.clients.lakefs import DataError
from include.errors import FinalError


class UnknownAsset(FinalError, DataError):
    """There is no such asset, or this process may not see it."""
