"""A project with inference code of its own and a small trained network, shared by the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.clients import onnx as onnx_model
from include.projects import Project, load_project

PREPROCESS = '''"""Scale."""

import numpy as np


def preprocess(images):
    """Return float32 (n, 1, 8, 8) in 0..1."""
    return (np.asarray(images, dtype=np.float32) / 16)[:, None]
'''
POSTPROCESS = '''"""Softmax."""

import numpy as np


def postprocess(logits):
    """Return the label and the probabilities."""
    shifted = np.asarray(logits, dtype=np.float64)
    powers = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return {"LABEL": probabilities.argmax(axis=1).astype(np.int32)[:, None], "PROBABILITIES": probabilities}
'''


def make_project(folder: Path, preprocess: str = PREPROCESS, postprocess: str = POSTPROCESS, **changes: Any) -> Project:
    """Write a project named digits with this inference code and return it."""
    folder = folder / "digits"
    folder.mkdir(parents=True)
    (folder / "preprocess.py").write_text(preprocess, encoding="utf-8")
    (folder / "postprocess.py").write_text(postprocess, encoding="utf-8")
    return load_project("digits").model_copy(update={"folder": folder, **changes})


def functions(project: Project) -> tuple[Any, Any]:
    """Return the preprocess and postprocess of a project made here."""
    scope: dict[str, Any] = {}
    for name in ("preprocess", "postprocess"):
        exec((project.folder / f"{name}.py").read_text(encoding="utf-8"), scope)
    return scope["preprocess"], scope["postprocess"]


@dataclass(frozen=True)
class Trained:
    """A network trained on real digits, its ONNX file, and held-back rows."""

    module: Any
    calibration: np.ndarray
    contents: np.ndarray
    labels: np.ndarray
    onnx: bytes


@pytest.fixture(scope="session")
def digits_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def trained(digits_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    import torch
    from sklearn.datasets import load_digits

    from include.projects.digits.model import build

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.int64)
    preprocess, _ = functions(digits_project)
    x, y = torch.from_numpy(preprocess(images[:1297])), torch.from_numpy(labels[:1297])
    torch.manual_seed(3)
    module = build({"channels": 16, "hidden": 64, "dropout": 0.0})
    optimiser = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(6):
        for batch in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimiser.step()
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_model.export(module.eval(), x[:2].numpy(), path)
    return Trained(module, x[:512].numpy(), images[1297:], labels[1297:], path.read_bytes())
