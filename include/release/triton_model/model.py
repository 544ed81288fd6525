"""The model that Triton's Python backend runs: preprocess, ONNX model, postprocess, as one.

A copy of this file lies in every release's package; it imports nothing of the product. It runs in the serving
environment (see requirements-serving.in).
"""

import hashlib
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.dont_write_bytecode = True  # a package never changes, not even by compiled files

NUMPY_1 = int(np.__version__.split(".")[0]) < 2

if not NUMPY_1:
    # tritonserver 2.51: as_numpy() and Tensor() corrupt data with numpy 2, DLPack is right but the destructor of each
    # capsule writes a harmless traceback to stderr.
    sys.unraisablehook = lambda unraisable: None


def to_numpy(tensor):
    """Return the values of one request's tensor, as an array of its shape."""
    return tensor.as_numpy() if NUMPY_1 or tensor.as_numpy().dtype == object else np.from_dlpack(tensor).copy()


def to_tensor(name, array):
    """Return ``array`` as an output tensor."""
    array = np.ascontiguousarray(array)
    return pb_utils.Tensor(name, array) if NUMPY_1 else pb_utils.Tensor.from_dlpack(name, array)


class TritonPythonModel:
    """One loaded release."""

    def initialize(self, args):
        """Read the package and load the ONNX model; what is wrong with the package fails the load."""
        import onnxruntime

        folder = Path(args["model_repository"]) / args["model_version"]
        sys.path.insert(0, str(folder))
        self.release = importlib.import_module("serving.release").Release(folder)
        content = (folder / "model.onnx").read_bytes()
        if hashlib.sha256(content).hexdigest() != self.release.about["onnx"]["sha256"]:
            raise pb_utils.TritonModelException(f"{folder / 'model.onnx'} is not the file that release.json names")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def execute(self, requests):
        """Answer all requests with one run of the model; if that fails, each by itself, so that a bad one fails alone."""
        batches = [to_numpy(pb_utils.get_input_tensor_by_name(r, "INPUT")) for r in requests]
        try:
            answers = self.infer(batches[0] if len(batches) == 1 else np.concatenate(batches))
        except Exception as error:
            if len(batches) == 1:
                return [self.failed(error)]
            return [self.answer_alone(batch) for batch in batches]
        if len(batches) == 1:
            return [self.answer(answers)]
        ends = np.cumsum([len(batch) for batch in batches])
        parts = ({k: v[end - len(batch) : end] for k, v in answers.items()} for batch, end in zip(batches, ends, strict=True))
        return [self.answer(part) for part in parts]

    def infer(self, contents):
        """Return the answers by name, arrays (n, ...), of ``contents``: an array (n, *shape), or bytes (n, 1)."""
        outputs = self.session.run(None, {self.input: self.release.inputs(contents)})[0]
        return self.release.answer(outputs, len(contents))

    def answer_alone(self, rows):
        """Answer one request by itself."""
        try:
            return self.answer(self.infer(rows))
        except Exception as error:
            return self.failed(error)

    @staticmethod
    def answer(answers):
        """Return the response that carries ``answers``."""
        return pb_utils.InferenceResponse([to_tensor(name, array) for name, array in answers.items()])

    @staticmethod
    def failed(error):
        """Return the response that carries ``error``."""
        return pb_utils.InferenceResponse([], pb_utils.TritonError(f"{type(error).__name__}: {error}"))
