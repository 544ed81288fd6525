"""The error of this area."""

from __future__ import annotations

from include.errors import FinalError


class MonitoringError(FinalError):
    """Something that cannot be watched, compared or reported; the message says what to do."""
