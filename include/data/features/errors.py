"""What can go wrong with features."""

from __future__ import annotations

from include.clients.lakefs import DataError
from include.errors import FinalError


class FeatureError(FinalError, DataError):
    """Features that cannot be computed, joined or given as asked."""


class UnknownView(FeatureError):
    """The project has no view of that name."""


class NotOnline(FeatureError):
    """The view has no online values: it keeps none, or was not brought online yet."""


class TransformError(FeatureError):
    """A view's transform failed, or gave what its definition does not allow; nothing was written."""


class KeyProblem(FeatureError):
    """An entity's key that no entity can have.

    Attributes:
        row: which of the entities, from 0.
        field: the key's name; None where the entity as a whole is wrong.
    """

    def __init__(self, where: str, problem: str, advice: str, row: int, field: str | None = None) -> None:
        self.row, self.field = row, field
        super().__init__(where, problem, advice)
