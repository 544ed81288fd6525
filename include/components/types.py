"""The types of what flows between steps: a small closed set that can be checked, stored and brought back.

Annotations of components name them: ``rows: Table``, ``models: list[Model]``, or with more said about an array
``x: Annotated[Any, TensorType("float32", ("n", 13))]``. Nothing here imports what costs time: DAG files read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Type:
    """One type of value."""

    name: ClassVar[str] = "Type"

    def takes(self, other: Type) -> bool:
        """Tell whether an input of this type takes an output of type ``other``."""
        return type(other) is type(self)

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong with a value, None where nothing is.

        Args:
            value: of a component.
            sizes: what the named dimensions of the same step were so far; new ones are put in.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class TensorType(Type):
    """A numpy array.

    Attributes:
        dtype: numpy's name of it; None is any kind of number.
        shape: a number, a name (the same name is the same number within a step) or None for each dimension; None is any.
        finite: neither NaN nor infinity.
    """

    name: ClassVar[str] = "Tensor"
    dtype: str | None = None
    shape: Shape | None = None
    finite: bool = True

    def takes(self, other: Type) -> bool:
        """Tell whether an output can fit: what both say must agree."""
        if not isinstance(other, TensorType) or (self.finite and not other.finite):
            return False
        if self.dtype and other.dtype and self.dtype != other.dtype:
            return False
        if self.shape is None or other.shape is None:
            return True
        pairs = zip(self.shape, other.shape, strict=False)
        same = all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))
        return len(self.shape) == len(other.shape) and same

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import numpy as np

        if not isinstance(value, np.ndarray):
            return f"is {_kind(value)}, wanted a numpy array"
        if value.dtype.kind not in "biuf" or (self.dtype and value.dtype != np.dtype(self.dtype)):
            return f"has the dtype {value.dtype}, wanted {self.dtype or 'numbers'}"
        if wrong := _shape(value.shape, self.shape, sizes):
            return wrong
        return _finite(value) if self.finite else None

    def __str__(self) -> str:
        said = [self.dtype or "", "" if self.shape is None else _written(self.shape), "" if self.finite else "NaN allowed"]
        inner = ", ".join(part for part in said if part)
        return f"{self.name}[{inner}]" if inner else self.name


@dataclass(frozen=True)
class LabelsType(Type):
    """True answers, one a row: class indices int64 (n,), or numbers float64 (n,)."""

    name: ClassVar[str] = "Labels"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import numpy as np

        if not isinstance(value, np.ndarray) or value.ndim != 1:
            return f"is {_kind(value)}, wanted a numpy array (n,)"
        if value.dtype.kind not in "iuf":
            return f"has the dtype {value.dtype}, wanted class indices (int64) or numbers (float64)"
        return _finite(value)


@dataclass(frozen=True)
class ScoresType(Type):
    """Answers of a model: probabilities (n, classes), or numbers (n,)."""

    name: ClassVar[str] = "Scores"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import numpy as np

        if not isinstance(value, np.ndarray) or value.ndim not in (1, 2) or value.dtype.kind != "f":
            return f"is {_kind(value)}, wanted floats (n, classes) or (n,)"
        return _finite(value)


@dataclass(frozen=True)
class TableType(Type):
    """Rows with named columns, a pandas.DataFrame."""

    name: ClassVar[str] = "Table"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import pandas as pd

        if not isinstance(value, pd.DataFrame):
            return f"is {_kind(value)}, wanted a pandas DataFrame"
        if not all(isinstance(name, str) for name in value.columns) or len(set(value.columns)) != len(value.columns):
            return "has columns whose names are no text, or the same twice"
        return None


@dataclass(frozen=True)
class TextsType(Type):
    """Texts, an object array of str (n,)."""

    name: ClassVar[str] = "Texts"
    wanted: ClassVar[type] = str

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import numpy as np

        if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype != object:
            return f"is {_kind(value)}, wanted an object array (n,) of {self.wanted.__name__}"
        for place, one in enumerate(value):
            if not isinstance(one, self.wanted):
                return f"holds {_kind(one)} at {place}, wanted {self.wanted.__name__}"
        return None


@dataclass(frozen=True)
class BlobsType(TextsType):
    """Contents of files such as images, an object array of bytes (n,)."""

    name: ClassVar[str] = "Blobs"
    wanted: ClassVar[type] = bytes


@dataclass(frozen=True)
class ItemsType(Type):
    """Items as they were collected: whichever of the types the project's content has. Of inputs alone."""

    name: ClassVar[str] = "Items"

    def takes(self, other: Type) -> bool:
        """Tell whether items can be of that type."""
        return isinstance(other, TableType | TextsType | TensorType | ItemsType)

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        return None if hasattr(value, "__len__") else f"is {_kind(value)}, wanted items"


@dataclass(frozen=True)
class ModelType(Type):
    """A trained model, `include.training.Fitted`."""

    name: ClassVar[str] = "Model"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        from include.components.models import model_problem

        return model_problem(value)


@dataclass(frozen=True)
class MetricsType(Type):
    """Figures by name, finite numbers."""

    name: ClassVar[str] = "Metrics"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        import math
        from numbers import Real

        if not isinstance(value, dict):
            return f"is {_kind(value)}, wanted a dict of numbers by name"
        for key, one in value.items():
            if not isinstance(key, str) or not isinstance(one, Real) or not math.isfinite(float(one)):
                return f"holds {key!r}: {one!r}, wanted finite numbers by name"
        return None


@dataclass(frozen=True)
class FileType(Type):
    """The bytes of one file."""

    name: ClassVar[str] = "File"

    def problem(self, value: Any, sizes: dict[str, int] | None = None) -> str | None:
        """Return what is wrong."""
        return None if isinstance(value, bytes) else f"is {_kind(value)}, wanted bytes"


TYPES: tuple[type[Type], ...] = (
    TensorType, LabelsType, ScoresType, TableType, TextsType, BlobsType, ModelType, MetricsType, FileType,
)  # fmt: skip

Items = Annotated[Any, ItemsType()]
Table = Annotated[Any, TableType()]
Texts = Annotated[Any, TextsType()]
Blobs = Annotated[Any, BlobsType()]
Tensor = Annotated[Any, TensorType()]
Inputs = Annotated[Any, TensorType("float32")]
Labels = Annotated[Any, LabelsType()]
Scores = Annotated[Any, ScoresType()]
Model = Annotated[Any, ModelType()]
Metrics = Annotated[Any, MetricsType()]
File = Annotated[Any, FileType()]


def type_of(annotation: Any) -> Type | None:
    """Return the type that an annotation names; None where it names none."""
    for one in getattr(annotation, "__metadata__", ()):
        if isinstance(one, Type):
            return one
    return annotation if isinstance(annotation, Type) else None


def items_type(content: Any) -> Type:
    """Return the type of a project's items.

    Args:
        content: ``data.content`` of the project.
    """
    if content.kind == "array":
        return TensorType(content.dtype, (None, *content.shape))
    return {"table": TableType(), "text": TextsType()}.get(content.kind, BlobsType())


def _shape(found: Sequence[int], wanted: Shape | None, sizes: dict[str, int] | None) -> str | None:
    if wanted is None:
        return None
    said = f"has the shape {tuple(found)}, wanted {_written(wanted)}"
    if len(found) != len(wanted):
        return said
    for size, one in zip(found, wanted, strict=True):
        if isinstance(one, int) and size != one:
            return said
        if isinstance(one, str) and sizes is not None and sizes.setdefault(one, size) != size:
            return f"{said}, where {one} is {sizes[one]} elsewhere in this step"
    return None


def _written(shape: Shape) -> str:
    return "(" + ", ".join("*" if one is None else str(one) for one in shape) + ("," if len(shape) == 1 else "") + ")"


def _finite(value: Any) -> str | None:
    import numpy as np

    if value.dtype.kind != "f" or np.isfinite(value).all():
        return None
    wrong = ~np.isfinite(value)
    first = tuple(int(place) for place in np.argwhere(wrong)[0])
    return f"holds {int(wrong.sum())} values that are NaN or infinite, the first at {first}; none is allowed"


def _kind(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    more = f" {dtype} {tuple(shape)}" if shape is not None and dtype is not None else ""
    return f"{type(value).__name__}{more}"
