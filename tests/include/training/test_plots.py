import io

import numpy as np
import pytest

from include.training import plots

HISTORY = [{"epoch": e, "train_loss": 1 / e, "validation_loss": 1.2 / e, "validation_accuracy": 1 - 0.5 / e} for e in range(1, 9)]
BINS = [{"low": i / 10, "high": (i + 1) / 10, "rows": i * i, "confidence": i / 10 + 0.05, "accuracy": i / 10} for i in range(10)]
ROWS = [{"class": f"클래스 {i}", "precision": 0.9, "recall": 0.8} for i in range(4)]


@pytest.mark.filterwarnings("ignore:Glyph")  # where no font for Hangul is installed
@pytest.mark.parametrize(
    "png",
    [
        pytest.param(lambda: plots.loss(HISTORY, 5), id="loss"),
        pytest.param(lambda: plots.loss(HISTORY[:1], 1), id="one epoch"),
        pytest.param(lambda: plots.confusion(np.eye(4, dtype=int) * 7 + 1, ["a", "나", "cc", "dddd"]), id="confusion"),
        pytest.param(lambda: plots.confusion(np.zeros((40, 40), int), [str(i) for i in range(40)]), id="many classes"),
        pytest.param(lambda: plots.reliability(BINS, 0.05), id="reliability"),
        pytest.param(lambda: plots.per_class(ROWS), id="per class"),
    ],
)
def test_a_plot_is_a_picture_with_ink(png):
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(png())).convert("L"))
    assert min(image.shape) > 300
    assert 0.1 < (image == 255).mean() < 0.99


def test_the_same_numbers_give_the_same_bytes():
    assert plots.loss(HISTORY, 5) == plots.loss(HISTORY, 5) != plots.loss(HISTORY, 4)
