"""SHAP of networks: by their gradients where they have some, else by asking."""

import numpy as np
import pytest

from include.projects import load_project
from include.training.errors import InputError
from include.training.explain_parts import Clock
from include.training.explain_shap import shap_values


@pytest.fixture
def breast_masses():
    return load_project("breast_masses")


class Network:
    """A trained network, as far as explanations know it."""

    def __init__(self, module):
        self.module = module

    def predict(self, inputs):
        import torch

        with torch.no_grad():
            return torch.softmax(self.module(torch.from_numpy(inputs)), 1).numpy()


def embedding():
    """Build what looks up a vector of the third input, as networks over texts do."""
    import torch

    class Looked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vectors = torch.nn.Embedding(2, 2)
            self.vectors.weight.data = torch.tensor([[4.0, 0.0], [0.0, 4.0]])

        def forward(self, values):
            return self.vectors((values[:, 2] > 0.5).long())

    return Looked()


def steps():
    """Build what has a gradient that is 0 everywhere."""
    import torch

    class Rounded(torch.nn.Module):
        def forward(self, values):
            return torch.stack([torch.round(values[:, 2]), 1 - torch.round(values[:, 2])], 1)

    return Rounded()


@pytest.mark.parametrize("build", [embedding, steps])
def test_a_network_without_a_gradient_is_asked(breast_masses, build):
    rows = np.random.default_rng(0).random((12, 5)).astype(np.float32)
    before = np.random.get_state()[1].tolist()
    method, values = shap_values(breast_masses, Network(build()), rows, rows[:4], Clock(60))
    assert method == "SHAP KernelExplainer" and values.shape == (4, 5, 2)
    mean = np.abs(values).mean((0, 2))
    assert mean.argmax() == 2 and mean[2] > 0.1 and np.delete(mean, 2).max() < 1e-3
    assert np.random.get_state()[1].tolist() == before, "numpy's global generator goes on as before"


def test_rows_end_with_the_time_and_many_inputs_are_not_tried(breast_masses):
    rows = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    assert len(shap_values(breast_masses, Network(embedding()), rows, rows, Clock(0))[1]) == 1
    with pytest.raises(InputError, match=r"no gradient to its inputs .*6,000 inputs are more than the 5,000"):
        wide = np.zeros((3, 6000), np.float32)
        shap_values(breast_masses, Network(embedding()), wide, wide, Clock(60))
