import numpy as np
import pytest

from include.training.errors import InputError
from include.training.parts import prepare

IMAGES = np.zeros((4, 8, 8), np.uint8)
LABELS = np.array([0, 1, 2, 9])


def test_inputs_are_what_the_preprocessing_makes(digits):
    part = prepare(digits, IMAGES + 8, LABELS)
    assert part.inputs.dtype == np.float32 and part.inputs.shape == (4, 1, 8, 8)
    assert np.allclose(part.inputs, 0.5)
    assert part.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("contents", "labels", "says"),
    [
        (IMAGES[:0], LABELS[:0], "has no rows"),
        (IMAGES[:, :4], LABELS, "wanted"),
        (IMAGES, LABELS[:2], "wanted"),
        (IMAGES, LABELS + 1, "outside 0..9"),
        (IMAGES, LABELS - 1, "outside 0..9"),
        (IMAGES, LABELS.astype(str), "outside 0..9"),
        (IMAGES + np.nan, LABELS, "not finite"),
    ],
)
def test_wrong_data_is_named(digits, contents, labels, says):
    with pytest.raises(InputError, match=says):
        prepare(digits, contents, labels, "validation")
