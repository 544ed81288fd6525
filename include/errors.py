"""The one distinction that all rooms share: errors that another try cannot cure."""

from __future__ import annotations


class FinalError(Exception):
    """The input or a rule forbids it: trying again gives the same answer.

    Mixed into the error classes of the areas; a task that meets one fails without retries.
    """
