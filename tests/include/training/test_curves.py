import io

import numpy as np
import pytest

from include.training import curves

DRAW = np.random.default_rng(0)
OUTPUTS = DRAW.dirichlet(np.ones(3), 50)
SLICES = [
    {"by": "기관", "slice": "서울", "value": 0.9, "low": 0.8, "high": 0.95},
    {"by": "기관", "slice": "부산", "value": 0.7, "low": None, "high": None},
    {"by": "기관", "slice": "제주", "value": None, "low": None, "high": None},
]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize(
    "png",
    [
        pytest.param(lambda: curves.roc(OUTPUTS.argmax(1), OUTPUTS, ["a", "나", "c"]), id="roc"),
        pytest.param(lambda: curves.roc(np.zeros(50, int), OUTPUTS[:, :2], ["a", "b"]), id="one class"),
        pytest.param(lambda: curves.precision_recall(OUTPUTS.argmax(1), OUTPUTS, ["a", "나", "c"]), id="precision recall"),
        pytest.param(lambda: curves.regression(DRAW.random(30), DRAW.random(30)), id="regression"),
        pytest.param(lambda: curves.importance(["길이", "b"], [0.2, -0.4]), id="importance"),
        pytest.param(lambda: curves.heat(DRAW.random((8, 8)), "map"), id="heat"),
        pytest.param(lambda: curves.slices(SLICES, 0.85, "accuracy"), id="slices"),
    ],
)
def test_a_plot_is_a_picture_with_ink(png):
    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(png())).convert("L"))
    assert min(picture.shape) > 200
    assert 0.1 < (picture == 255).mean() < 0.995
