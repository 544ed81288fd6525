"""What transforms of project.yaml may say: the named ones, their parameters, and columns or items that they are for."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from include.projects import load_project
from include.projects.transforms import TRANSFORMS, TransformStep
from include.settings import ROOT
from include.training import transforms
from tests.include.projects.conftest import Refused

COLUMNS = (
    "patient, laboratory, measured_at, radius, texture, perimeter, area, smoothness, compactness, concavity, concave_points, "
    "symmetry, fractal_dimension"
)
SCALED = COLUMNS.partition("measured_at, ")[2]
TOKENS = "use: tokens, params: {length: 48, vocabulary: 1500, shared: 64}"


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "breast_masses",
            "use: standard_scale",
            "use: standard_scal",
            "use | transforms.0.use: must be one of standard_scale, quantile_scale, missing, one_hot, bag_of_words, tokens, "
            "flat (is 'standard_scal'). Did you mean standard_scale?",
        ),
        (
            "breast_masses",
            "use: standard_scale",
            "use: 표준화",
            "use | transforms.0.use: must be one of standard_scale, quantile_scale, missing, one_hot, bag_of_words, tokens, "
            "flat (is '표준화').",
        ),
        (
            "support_tickets",
            "vocabulary: 1500",
            "vocabluary: 1500",
            "use | transforms.0.params.vocabluary: there is no such key. Did you mean vocabulary? Keys here: length, "
            "vocabulary, shared",
        ),
        (
            "support_tickets",
            "length: 48",
            "length: long",
            "use | transforms.0.params.length: must be a whole number (is 'long'). Terms of a text that are taken, the first "
            "ones.",
        ),
        (
            "support_tickets",
            "length: 48",
            "length: 0",
            "use | transforms.0.params.length: must be at least 1 (is 0). Terms of a text that are taken, the first ones.",
        ),
        (
            "breast_masses",
            "    columns: [radius, texture",
            "    params: {with_mean: true}\n    columns: [radius, texture",
            "params | transforms.0.params.with_mean: there is no such key.",
        ),
        (
            "breast_masses",
            "columns: [radius, texture",
            "columns: [radius, texturre",
            f"columns | transforms.0.columns.1: there is no column 'texturre'; columns are {COLUMNS}. Did you mean texture?",
        ),
        (
            "breast_masses",
            "columns: [radius, texture",
            "columns: [radius, laboratory",
            "columns | transforms.0.columns.1: standard_scale is for columns of type number, integer, boolean, time, and "
            "laboratory is of type category. These fit: missing, one_hot, bag_of_words, tokens",
        ),
        (
            "breast_masses",
            f"    columns: [{SCALED}]\n",
            "",
            "use | transforms.0.columns: is missing. Write `columns: [...]` with what standard_scale is for; columns are "
            + COLUMNS,
        ),
        (
            "support_tickets",
            TOKENS,
            "use: flat",
            "use | transforms.0.use: flat is for items of kind array, and these are of kind text. These fit: missing, "
            "one_hot, bag_of_words, tokens",
        ),
        (
            "shelf_photos",
            "components:",
            "transforms:\n  - {use: flat}\ncomponents:",
            "use | transforms.0.use: flat is for items of kind array, and these are of kind image. None fits: name a "
            "preprocess component instead",
        ),
        (
            "support_tickets",
            TOKENS,
            "use: tokens, columns: [body]",
            "use | transforms.0.columns: are for rows of a table, and items are of kind text: leave columns out",
        ),
    ],
)  # fmt: skip
def test_what_is_no_transform_is_refused_with_its_line(name: str, old: str, new: str, says: str, refused: Refused) -> None:
    assert refused(name, (old, new)) == [says]


def test_all_columns_that_are_wrong_at_once(refused: Refused) -> None:
    lines = refused("breast_masses", ("columns: [radius, texture", "columns: [나이, patient"))
    assert [line.split(" ")[2] for line in lines] == ["transforms.0.columns.0:", "transforms.0.columns.1:"]


def test_every_transform_takes_the_parameters_with_the_defaults_that_are_declared() -> None:
    assert set(TRANSFORMS) == set(transforms.TRANSFORMS)
    for name, one in transforms.TRANSFORMS.items():
        _, *taken = inspect.signature(one.fit).parameters.values()
        assert {param.name: param.default for param in taken} == TransformStep(use=name).asked(), name
    assert TransformStep(use="tokens", params={"length": "12"}).asked() == {"length": 12, "vocabulary": 4000, "shared": 64}
    assert load_project("support_tickets").transforms[0].asked() == {"length": 48, "vocabulary": 1500, "shared": 64}


def test_reading_projects_loads_nothing_that_computes() -> None:
    code = """
import sys
from include.projects import list_projects, load_project
for name in list_projects():
    load_project(name)
print([name for name in ("numpy", "pandas", "sklearn", "torch", "ray", "mlflow", "include.training") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
