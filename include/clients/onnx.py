"""Makes ONNX files out of a torch module and runs them."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession
    from torch import nn

MAX_BATCH = 4096
CHUNK = 256


def export(module: nn.Module, example: np.ndarray, path: Path) -> None:
    """Export a module as one ONNX file with a free batch size.

    Args:
        module: takes one float32 tensor (n, ...) and gives logits (n, classes).
        example: at least two preprocessed rows, float32 (n, ...).
        path: the file to write; source paths and stack traces are left out of it.
    """
    import onnx
    import torch

    rows = torch.from_numpy(example[:2].copy())
    shapes = ({0: torch.export.Dim("batch", min=1, max=MAX_BATCH)},)
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            (rows,),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=["input"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        value.ClearField("metadata_props")
        value.ClearField("doc_string")
    proto.graph.ClearField("metadata_props")
    proto.ClearField("metadata_props")
    proto.ClearField("doc_string")
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def quantise(source: Path, calibration: np.ndarray, path: Path) -> None:
    """Write the int8 form of an ONNX file: weights per channel, activations by what the calibration rows show.

    Args:
        source: the float32 file.
        calibration: preprocessed training rows, float32 (n, ...).
        path: the file to write.
    """
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = iter([{"input": calibration[i : i + 64]} for i in range(0, len(calibration), 64)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    source, path = source.resolve(), path.resolve()
    # What its shape inference gives up on is left in the working folder.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), _quiet():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared))
        quantize_static(
            str(prepared),
            str(path),
            Rows(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def session(source: Path | bytes) -> InferenceSession:
    """Return a session on one core, as the model server makes it."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content: Any = source if isinstance(source, bytes) else str(source)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(model: InferenceSession, rows: np.ndarray) -> np.ndarray:
    """Return the logits (n, classes) of preprocessed rows (n, ...), some hundred at a time."""
    import numpy as np

    name = model.get_inputs()[0].name
    return np.concatenate([model.run(None, {name: rows[i : i + CHUNK]})[0] for i in range(0, len(rows), CHUNK)])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about packages that are not needed out of the task's log."""
    names = ["torch.onnx", "onnxscript", "onnx_ir", "root"]
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
