"""What explanations are made of: what is known so far, the time that is left, and where the points of a picture lie."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from include.projects import Project
from include.reports.numbers import short
from include.training.errors import InputError

if TYPE_CHECKING:
    import numpy as np

SIGNS = "blue speaks for it, orange against"
CHANNELS = 4  # colours that a picture has at most: more along an axis are places


@dataclass
class Explained:
    """What is known of why a model answers as it does.

    Attributes:
        told: ``method``, ``rows`` and ``importance`` (name, value; the greatest first), of texts also ``texts``: some rows,
            each with the ``answer`` and its ``pieces`` (text, value for that answer); ``notes`` where something is
            missing. Empty where nothing was explained.
        plots: PNG by name.
        notes: what is missing, and why.
    """

    told: dict[str, Any] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Return what an evaluation keeps: ``explanation``, and where there is none why, as ``unexplained``."""
        return {"explanation": self.told, "unexplained": "" if self.told else "; ".join(self.notes)}

    @contextmanager
    def without(self, what: str) -> Iterator[None]:
        """Inside the block an error means that ``what`` is missing, which a note tells: an evaluation does not fail by it."""
        try:
            yield
        except InputError as cause:
            self.notes.append(f"no {what}: {cause}")
        except Exception as cause:  # of shap, lime, or the model: theirs are of any kind
            said = (str(cause).strip().splitlines() or ["no reason given"])[0]
            self.notes.append(f"no {what}: {type(cause).__name__}: {said}")


class Clock:
    """Tells whether the time for explanations is over.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self._end = seconds, time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Tell whether it is."""
        return time.monotonic() >= self._end

    def note(self, what: str, done: int, wanted: int) -> str:
        """Return what to say of so many rows."""
        return f"{what} explains {done} of {wanted} rows: {self.seconds:g} seconds were over"


@contextmanager
def seeded() -> Iterator[None]:
    """Inside the block numpy's global generator, from which Kernel SHAP draws, begins anew; behind it goes on as before."""
    import numpy as np

    before = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(before)


def answer(project: Project, outputs: np.ndarray, row: int) -> tuple[int, str]:
    """Return which output a model chose for a row, and what that means to people.

    Args:
        project: gives the task and the classes.
        outputs: (n, k), or numbers (n,).
        row: of the outputs.
    """
    if outputs.ndim == 1:
        return 0, short(float(outputs[row]))
    chosen = int(outputs[row].argmax())
    return chosen, project.classes[chosen] if project.task == "classification" else f"cluster {chosen}"


def as_grid(values: np.ndarray, shape: Sequence[int]) -> np.ndarray | None:
    """Return values of inputs (product of the shape) as (height, width), colours added up; None where they are no grid."""
    found = values.reshape(shape)
    axis = colours(shape)
    found = found.squeeze() if axis is None else found.sum(axis)
    return found if found.ndim == 2 else None


def as_picture(inputs: np.ndarray) -> np.ndarray | None:
    """Return one item's inputs as a picture (height, width) or (height, width, 3), 0 to 1; None where they are none."""
    import numpy as np

    axis = colours(inputs.shape)
    found = inputs.squeeze() if axis is None else np.moveaxis(inputs, axis, -1)
    if found.ndim == 3 and found.shape[2] != 3:
        found = found.mean(2)
    if found.ndim not in (2, 3):
        return None
    return (found - found.min()) / ((found.max() - found.min()) or 1.0)


def colours(shape: Sequence[int]) -> int | None:
    """Return which axis of an item holds colours, 0 or 2; None where there is none."""
    if len(shape) != 3:
        return None
    if 1 < shape[0] <= CHANNELS < min(shape[1:]):
        return 0
    return 2 if 1 < shape[2] <= CHANNELS < min(shape[:2]) else None
