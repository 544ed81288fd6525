import io
import math

import numpy as np
import pytest

from include.projects import load_project
from include.training.space import sample
from include.training.tuning_plots import _axis, plots


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_a_search_is_drawn(metric):
    from PIL import Image

    project = load_project("digits")
    rows = [{"number": n, "params": sample(project, n), "value": None if n == 3 else 0.1 * n} for n in range(1, 9)]
    drawn = plots(project, {"metric": metric, "trials": rows})
    assert list(drawn) == ["history", "parallel_coordinates", "importance"]
    for content in drawn.values():
        picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
        assert min(picture.shape) > 200 and 0.1 < (picture == 255).mean() < 0.995
    assert list(plots(project, {"metric": metric, "trials": rows[:1]})) == ["history"]


def test_an_axis_tells_its_values():
    assert _axis([1, 2, None]) == ([0.0, 1.0, pytest.approx(math.nan, nan_ok=True)], [(0.0, "1"), (1.0, "2")])
    places, marks = _axis([1.0, 10.0, 100.0, 1000.0, 10_000.0])
    assert places == pytest.approx([0, 0.25, 0.5, 0.75, 1]) and marks == [(0.0, "1"), (0.5, "100"), (1.0, "1e+04")]
    assert _axis([0.0, 1.0, 2.0, 3.0, 4.0])[1] == [(0.0, "0"), (0.5, "2"), (1.0, "4")]
    assert [said for _, said in _axis(["크게", [32, 64], True])[1]] == ["True", "[32, 64]", "크게"]
    assert _axis([None, None])[1] == [] and _axis([7])[0] == [0.0]
