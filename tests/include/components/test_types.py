from __future__ import annotations

import numpy as np
import pytest

from include.components import values
from include.components.types import (
    BlobsType,
    FileType,
    ItemsType,
    LabelsType,
    MetricsType,
    ModelType,
    ScoresType,
    TableType,
    TensorType,
    TextsType,
    items_type,
)  # fmt: skip
from include.projects import load_project
from include.training.errors import InputError

pd = pytest.importorskip("pandas")


def objects(*found):
    made = np.empty(len(found), dtype=object)
    made[:] = found
    return made


GOOD = [
    (TensorType(), np.arange(6, dtype=np.uint8).reshape(2, 3)),
    (TensorType("float32", ("n", 2)), np.ones((3, 2), np.float32)),
    (TensorType(finite=False), np.array([1.0, np.nan])),
    (LabelsType(), np.array([0, 2, 1])),
    (LabelsType(), np.array([0.5, -2.0])),
    (ScoresType(), np.array([[0.25, 0.75]], np.float32)),
    (TableType(), pd.DataFrame({"이름": ["가", None], "수": [1.5, None], "때": pd.to_datetime(["2026-01-01", None], utc=True)})),
    (TextsType(), objects("한국어", "")),
    (BlobsType(), objects(b"\x00\xff", b"")),
    (MetricsType(), {"정확도": 1, "loss": 0.5}),
    (FileType(), b"\x00bytes"),
]


@pytest.mark.parametrize(("kind", "value"), GOOD, ids=[str(kind) for kind, _ in GOOD])
def test_a_value_comes_back_as_it_was(kind, value):
    assert kind.problem(value, {}) is None
    files = values.dump(kind, value)
    back = values.load(kind, files, load_project("digits"))
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value, check_dtype=False)
    elif isinstance(value, np.ndarray):
        assert back.dtype == value.dtype and np.array_equal(back, value, equal_nan=value.dtype.kind == "f")
    else:
        assert back == value
    assert values.digest(files) == values.digest(values.dump(kind, back))
    assert values.size(value) <= sum(map(len, files.values())) + 4096


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (TensorType(), [[1]], "is list, wanted a numpy array"),
        (TensorType("float32"), np.ones(2), "dtype float64, wanted float32"),
        (TensorType(), np.array(["a"]), "wanted numbers"),
        (TensorType(None, (None, 3)), np.ones((2, 4)), r"shape \(2, 4\), wanted \(\*, 3\)"),
        (TensorType(None, ("n", "n")), np.ones((2, 4)), "n is 2 elsewhere in this step"),
        (TensorType(), np.array([[1, np.nan], [np.inf, 0]]), r"holds 2 values that are NaN or infinite, the first at \(0, 1\)"),
        (LabelsType(), np.ones((2, 1)), "wanted a numpy array"),
        (LabelsType(), np.array(["a"]), "class indices"),
        (ScoresType(), np.array([1, 2]), "wanted floats"),
        (TableType(), np.ones(3), "wanted a pandas DataFrame"),
        (TableType(), pd.DataFrame({1: [1]}), "names are no text"),
        (TextsType(), objects("가", 3), "holds int at 1, wanted str"),
        (BlobsType(), np.array(["a"]), "object array"),
        (MetricsType(), {"a": float("nan")}, "'a': nan, wanted finite numbers"),
        (MetricsType(), [1], "wanted a dict"),
        (FileType(), "text", "is str, wanted bytes"),
        (ModelType(), object(), "is object, wanted a trained model"),
        (ItemsType(), 3, "wanted items"),
    ],
)
def test_what_is_not_of_a_type_is_told(kind, value, said):
    import re

    assert re.search(said, kind.problem(value, {}))


def test_sizes_hold_over_a_step():
    sizes = {}
    kind = TensorType(None, ("n", None))
    assert kind.problem(np.ones((3, 1)), sizes) is None and sizes == {"n": 3}
    assert "n is 3 elsewhere" in kind.problem(np.ones((4, 1)), sizes)


@pytest.mark.parametrize(
    ("need", "given", "fits"),
    [
        (TensorType(), TensorType("float32", (None, 3)), True),
        (TensorType("float32"), TensorType(), True),
        (TensorType("float32"), TensorType("uint8"), False),
        (TensorType(None, ("n", 3)), TensorType(None, (None, "m")), True),
        (TensorType(None, ("n", 3)), TensorType(None, (None, 4)), False),
        (TensorType(None, ("n", 3)), TensorType(None, ("n",)), False),
        (TensorType(), TensorType(finite=False), False),
        (TensorType(), LabelsType(), False),
        (ItemsType(), BlobsType(), True),
        (ItemsType(), ModelType(), False),
        (TextsType(), BlobsType(), False),
        (TableType(), TableType(), True),
    ],
)
def test_what_an_input_takes(need, given, fits):
    assert need.takes(given) is fits


def test_items_have_the_type_of_the_content():
    kinds = {name: str(items_type(load_project(name).data.content)) for name in ("digits", "breast_masses", "support_tickets")}
    assert kinds == {"digits": "Tensor[uint8, (*, 8, 8)]", "breast_masses": "Table", "support_tickets": "Texts"}


@pytest.mark.parametrize(
    ("kind", "files"), [(TensorType(), {"values.npy": b"no"}), (TableType(), {}), (MetricsType(), {"figures.json": b"{"})]
)
def test_files_that_are_none_of_a_type_are_refused(kind, files):
    with pytest.raises(InputError, match=f"is no {kind}"):
        values.load(kind, files, load_project("digits"))
