"""LIME of arrays and pictures: where it looks, and what it is not made for."""

import numpy as np
import pytest

from include.training.errors import InputError
from include.training.explain import explain
from include.training.explain_lime import lime_of, of_numbers, of_picture
from include.training.explain_parts import as_grid, as_picture, colours
from include.training.parts import Arrays


class Corner:
    """A model that looks at one square of a picture alone."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns

    def predict(self, inputs):
        there = inputs[..., self.rows, self.columns].reshape(len(inputs), -1).mean(1).clip(0, 1)
        return np.stack([there, *([(1 - there) / 9] * 9)], 1).astype(np.float32)


def part(inputs):
    return Arrays(inputs, inputs, np.zeros(len(inputs), int), ["dev"] * len(inputs))


@pytest.mark.parametrize("shape", [(24, 24), (1, 24, 24), (3, 24, 24)])
def test_a_picture_is_told_by_patches(digits, capfd, shape):
    draw = np.random.default_rng(0)
    inputs = draw.random((30, *shape)).astype(np.float32) * 0.2
    inputs[0, ..., 4:10, 12:18] = 1
    explained = lime_of(digits, part(inputs))
    assert explained is of_picture
    model = Corner(slice(4, 10), slice(12, 18))
    found = explained(digits, model, inputs, [], inputs[0], 0)
    inside, outside = found.grid[4:10, 12:18].mean(), np.abs(found.grid[14:, :]).mean()
    assert found.grid.shape == (24, 24) and inside > 5 * outside and inside > 0.02
    again = explained(digits, model, inputs, [], inputs[0], 0)
    assert (again.grid == found.grid).all() and capfd.readouterr().err == "", "no progress bar in the log of a task"


def test_a_small_array_is_told_point_by_point(building):
    project = building("digits", explain=True)
    inputs = np.random.default_rng(0).random((40, 1, 8, 8)).astype(np.float32)
    model = Corner(slice(2, 4), slice(3, 5))
    assert lime_of(project, part(inputs)) is of_numbers
    found = explain(project, model, {"train": part(inputs), "test": part(inputs[:6])})
    assert found.notes == [] and sum(name.startswith("LIME_row") for name in found.plots) == 3
    told = of_numbers(project, model, inputs, [str(place) for place in range(64)], inputs[0], 0)
    assert told.grid.shape == (8, 8) and told.grid[2:4, 3:5].min() > 5 * np.abs(told.grid[5:]).max()


def test_what_lime_is_not_made_for_is_a_note(building):
    windows = building("co2_levels", explain=True)
    inputs = np.random.default_rng(0).random((12, 300, 2)).astype(np.float32)
    with pytest.raises(InputError, match="shape 300 x 2 are no picture"):
        lime_of(windows, part(inputs))

    class Mean:
        def predict(self, values):
            return values.reshape(len(values), -1)[:, :3].mean(1)

    found = explain(windows, Mean(), {"train": part(inputs), "test": part(inputs)}, seconds=0)
    assert found.told["rows"] == 1 and "SHAP explains 1 of 12 rows: 0 seconds were over" in found.notes
    assert [note for note in found.notes if note.startswith("no LIME: inputs of the shape 300 x 2")]
    assert found.told["notes"] == found.notes


def test_where_the_points_of_a_picture_lie():
    assert colours((3, 32, 32)) == 0 and colours((32, 32, 3)) == 2 and colours((1, 32, 32)) is None and colours((12, 2)) is None
    values = np.arange(3 * 5 * 6, dtype=float)
    assert as_grid(values, (3, 5, 6)).tolist() == values.reshape(3, 5, 6).sum(0).tolist()
    assert as_grid(values, (1, 15, 6)).shape == (15, 6) and as_grid(values, (90,)) is None
    assert as_picture(np.zeros((3, 5, 6))).shape == (5, 6, 3) and as_picture(np.zeros((2, 5, 6))).shape == (5, 6)
    assert as_picture(np.zeros(9)) is None
