"""The one distinction that all rooms share: errors that another try cannot cure."""

from __future__ import annotations

import re

DEVICES = re.compile(r"memory|cuda|cudnn|nccl|gloo|connection", re.I)  # in what torch says of them, as a plain RuntimeError


class FinalError(Exception):
    """The input or a rule forbids it: trying again gives the same answer.

    Mixed into the error classes of the areas; a task that meets one fails without retries.
    """


def of_the_machine(cause: BaseException) -> bool:
    """Tell whether memory, disk, network or a device failed, and not the code or what it was given: another try may help."""
    if isinstance(cause, FinalError):
        return False
    return isinstance(cause, OSError | MemoryError) or (isinstance(cause, RuntimeError) and bool(DEVICES.search(str(cause))))
