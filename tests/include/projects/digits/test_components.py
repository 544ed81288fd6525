"""preprocess, postprocess, features and drift of the example project, here and under the serving environment's numpy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from include.projects.digits.drift import drifted
from include.projects.digits.features import NAMES, features
from include.projects.digits.postprocess import postprocess
from include.projects.digits.preprocess import preprocess

ROOT = Path(__file__).resolve().parents[4]
SERVING = ROOT / ".devmlops" / "triton" / "env" / "bin" / "python"
IMAGES = (np.arange(3 * 64).reshape(3, 8, 8) * 7 % 17).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_preprocess(dtype: str) -> None:
    out = preprocess(IMAGES.astype(dtype))
    assert out.shape == (3, 1, 8, 8) and out.dtype == np.float32 and out.flags.c_contiguous
    assert out.min() == 0 and out.max() == 1
    assert np.array_equal(out[:, 0] * 16, IMAGES)
    assert preprocess(IMAGES[:0]).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("bad", [np.zeros((8, 8)), np.zeros((2, 64)), np.zeros((1, 8, 9)), np.full((1, 8, 8), "x")])
def test_preprocess_refuses(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="wanted"):
        preprocess(bad)


def test_postprocess() -> None:
    logits = np.full((2, 10), -3.0, dtype=np.float32)
    logits[0, 7], logits[1, 2] = 1000, 5
    out = postprocess(logits)
    assert out["LABEL"].tolist() == [[7], [2]] and out["LABEL"].dtype == np.int32
    assert out["PROBABILITIES"].dtype == np.float32
    assert np.allclose(out["PROBABILITIES"].sum(axis=1), 1) and out["PROBABILITIES"][0, 7] == 1
    assert out["PROBABILITIES"][1, 2] == pytest.approx(1 / (1 + 9 * np.exp(-8)), rel=1e-6)


@pytest.mark.parametrize("bad", [np.zeros(10), np.zeros((1, 9)), np.full((1, 10), np.nan), np.full((1, 10), np.inf)])
def test_postprocess_refuses(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="logits"):
        postprocess(bad)


def test_features() -> None:
    image = np.zeros((1, 8, 8))
    image[0, :2, :2] = 16
    names, values = features(image)
    found = dict(zip(names, values[0], strict=True))
    assert values.shape == (1, len(NAMES)) and values.dtype == np.float64
    assert found["mean"] == 1 and found["ink"] == 4 / 64 and found["block_0_0"] == 16 and found["block_3_3"] == 0
    assert found["edges_down"] == found["edges_across"] == 2 * 16 / 56
    assert features(IMAGES.astype("uint8"))[1] == pytest.approx(features(IMAGES.astype("float32"))[1])
    assert features(IMAGES[:0])[1].shape == (0, len(NAMES))
    with pytest.raises(ValueError, match="wanted"):
        features(np.zeros((8, 8)))


def test_drifted_stays_within_the_form_and_repeats() -> None:
    out = drifted(IMAGES, 3)
    assert out.dtype == np.uint8 and out.shape == IMAGES.shape and out.max() <= 16
    assert np.array_equal(out, drifted(IMAGES, 3)) and not np.array_equal(out, drifted(IMAGES, 4))
    clean = 16 - np.rot90(IMAGES, axes=(1, 2)).astype(int)
    assert np.abs(out - clean).mean() < 2
    with pytest.raises(ValueError, match="wanted"):
        drifted(np.zeros((8, 8)), 1)


def test_a_model_of_normal_digits_loses_on_drifted_ones_and_a_retrained_one_wins_back() -> None:
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier

    data = load_digits()
    x, y = data.images.astype(np.uint8), data.target
    model = KNeighborsClassifier().fit(preprocess(x[:1200]).reshape(1200, -1), y[:1200])
    bad = preprocess(drifted(x[1200:], 5)).reshape(597, -1)
    assert model.score(preprocess(x[1200:]).reshape(597, -1), y[1200:]) > 0.93
    assert model.score(bad, y[1200:]) < 0.4
    new = KNeighborsClassifier().fit(preprocess(drifted(x[:300], 6)).reshape(300, -1), y[:300])
    assert new.score(bad, y[1200:]) > 0.8


SCRIPT = """
import importlib.util, json, sys
import numpy as np
def load(name):
    spec = importlib.util.spec_from_file_location(name, f"include/projects/digits/{name}.py")
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); return getattr(module, name)
images = (np.arange(3 * 64).reshape(3, 8, 8) * 7 % 17).astype(np.uint8)
logits = np.sin(np.arange(30.0)).reshape(3, 10).astype(np.float32) * 9
out = load("postprocess")(logits)
print(json.dumps([np.__version__, load("preprocess")(images).tolist(), out["LABEL"].tolist(), out["PROBABILITIES"].tolist(),
                  load("features")(images)[1].tolist()]))
"""


def test_the_serving_environment_computes_the_same() -> None:
    """numpy 1.26 there, 2 here: types of small values changed between them."""
    if not SERVING.exists():
        pytest.skip("the serving environment is not installed: run make up once")
    said = subprocess.run([SERVING, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    version, prepared, label, probabilities, described = json.loads(said)
    logits = np.sin(np.arange(30.0)).reshape(3, 10).astype(np.float32) * 9
    here = postprocess(logits)
    assert version.startswith("1.")
    assert prepared == preprocess(IMAGES).tolist() and label == here["LABEL"].tolist()
    assert np.allclose(probabilities, here["PROBABILITIES"], rtol=1e-6, atol=1e-9)
    assert np.allclose(described, features(IMAGES)[1], rtol=1e-12)
