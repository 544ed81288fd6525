from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.clients import onnx as onnx_model
from include.projects.answers import probabilities
from include.release.optimise import TestRows, choose, optimise_module
from include.training.loop import Trained as Fitted


def _fitted(trained: Any) -> Fitted:
    return Fitted(trained.module, "classification", [], 0)


@pytest.fixture(scope="module")
def rows(trained: Any) -> TestRows:
    return TestRows((trained.contents.astype(np.float32) / 16)[:, None], trained.labels, probabilities)


@pytest.fixture(scope="module")
def made(trained: Any, rows: TestRows, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("optimise") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("include.release.optimise.SLOWER_LIMIT", math.inf)  # processors differ in how fast they run int8
        return optimise_module(_fitted(trained), trained.calibration, rows, folder), folder


def test_every_form_is_measured_and_int8_is_chosen(made: tuple[dict[str, Any], Path]) -> None:
    report, folder = made
    assert report["chosen"] == "int8", report["reason"]
    assert report["rows"] == 500 and report["calibration_rows"] == 512
    assert report["fp32"]["accuracy"] == report["trained"]["accuracy"] > 0.85
    assert report["int8"]["accuracy"] >= report["fp32"]["accuracy"] - 0.01
    assert report["int8"]["size_bytes"] < 0.5 * report["fp32"]["size_bytes"]
    for form in ("trained", "fp32", "int8"):
        for timing in (report[form], report[form]["batch32"]):
            assert 0 < timing["p50_ms"] <= timing["p99_ms"] and timing["calls"] >= 5
    assert (folder / "optimise.png").read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in folder.iterdir()} == {"model.fp32.onnx", "model.int8.onnx", "optimise.png"}


def test_fp32_file_gives_torchs_logits_for_every_row(made: tuple[dict[str, Any], Path], trained: Any, rows: TestRows) -> None:
    import torch

    with torch.inference_mode():
        wanted = trained.module(torch.from_numpy(rows.inputs)).numpy()
    found = onnx_model.run(onnx_model.session(made[1] / "model.fp32.onnx"), rows.inputs)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_onnx_file_carries_no_source_path(made: tuple[dict[str, Any], Path], trained: Any, tmp_path: Path) -> None:
    import onnx

    content = (made[1] / "model.fp32.onnx").read_bytes()
    assert b".py" not in content and b"site-packages" not in content
    assert not any(node.metadata_props for node in onnx.load_from_string(content).graph.node)
    onnx_model.export(trained.module, trained.calibration, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == content  # the same module gives the same bytes


def test_files_take_any_batch_size(made: tuple[dict[str, Any], Path], rows: TestRows) -> None:
    for form in ("fp32", "int8"):
        session = onnx_model.session(made[1] / f"model.{form}.onnx")
        together = onnx_model.run(session, rows.inputs[:7])
        alone = np.concatenate([onnx_model.run(session, rows.inputs[i : i + 1]) for i in range(7)])
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_quantisation_where_the_project_wants_none(trained: Any, rows: TestRows, tmp_path: Path) -> None:
    report = optimise_module(_fitted(trained), trained.calibration, rows, tmp_path, quantise="none")
    assert report["chosen"] == "fp32" and "int8" not in report and report["calibration_rows"] == 0
    assert not (tmp_path / "model.int8.onnx").exists()


def test_fp32_is_kept_where_int8_loses_too_much(trained: Any, rows: TestRows, tmp_path: Path) -> None:
    # Calibrated on black images alone, int8 cuts every activation short.
    report = optimise_module(_fitted(trained), np.zeros_like(trained.calibration), rows, tmp_path)
    assert report["int8"]["accuracy"] < report["fp32"]["accuracy"] - 0.01
    assert report["chosen"] == "fp32" and "more than the allowed 0.01" in report["reason"]


FP32 = {"accuracy": 0.98, "size_bytes": 1000, "p50_ms": 0.02}


@pytest.mark.parametrize(
    ("int8", "chosen", "why"),
    [
        ({"accuracy": 0.97, "size_bytes": 300, "p50_ms": 0.01}, "int8", "0.9800 -> 0.9700"),
        ({"accuracy": 0.9699, "size_bytes": 300, "p50_ms": 0.01}, "fp32", "loses 0.0101"),
        ({"accuracy": 0.99, "size_bytes": 300, "p50_ms": 0.03}, "int8", "0.9800 -> 0.9900"),
        ({"accuracy": 0.98, "size_bytes": 1000, "p50_ms": 0.01}, "fp32", "not smaller"),
        ({"accuracy": 0.98, "size_bytes": 300, "p50_ms": 0.05}, "fp32", "slower"),
    ],
)
def test_choice(int8: dict[str, Any], chosen: str, why: str) -> None:
    found, reason = choose({"fp32": FP32, "int8": int8}, 0.01)
    assert found == chosen and why in reason
