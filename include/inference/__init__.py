"""The inference AP: the application server in front of the model server, and its durable prediction log.

Other areas read the log through the names below; they cost no web framework to import.
"""

from include.inference.prediction_log import (
    Cursor,
    PredictionLog,
    Record,
    cursor_key,
    end_cursor,
    joined,
    read,
    truths,
)
from include.inference.segments import PredictionLogError

__all__ = [
    "Cursor",
    "PredictionLog",
    "PredictionLogError",
    "Record",
    "cursor_key",
    "end_cursor",
    "joined",
    "read",
    "truths",
]
