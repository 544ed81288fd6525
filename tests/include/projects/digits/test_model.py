import pytest

from include.projects.digits.model import build


def test_images_become_one_logit_a_class():
    import torch

    module = build({"channels": 4, "hidden": 8, "dropout": 0.0, "learning_rate": 1})
    assert module(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"hidden": -1}, {"dropout": 1.0}])
def test_what_cannot_be_built_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        build(wrong)
