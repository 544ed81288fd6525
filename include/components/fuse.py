"""One ONNX graph of a model that is made of others, so that a release serves it as any model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.components.models import Composite, Stack, Vote, Weighted
from include.training.errors import InputError
from include.training.learners import Fitted

if TYPE_CHECKING:
    import numpy as np

FLOOR = 1e-30  # below it a probability has no logarithm


def fuse(model: Composite, example: np.ndarray, path: Path) -> None:
    """Write a composite model as ONNX with input ``input`` and output ``logits``, whose softmax its answers are.

    Args:
        model: the model.
        example: at least two prepared rows, float32 (n, ...).
        path: the file.

    Raises:
        InputError: a member cannot be written, or the graphs cannot be put together; the message says which.
    """
    import onnx
    from onnx import TensorProto, helper
    from onnx.compose import add_prefix

    graphs = [_exported(one, example, f"member {number}") for number, one in enumerate(model.members)]
    opset = max(_opset(one) for one in graphs)
    domains: dict[str, int] = {}
    nodes, constants, answers = [], [], []
    for number, graph in enumerate(graphs):
        prefix = f"m{number}_"
        graph = add_prefix(_raised(graph, opset, f"member {number}"), prefix)
        for one in graph.opset_import:
            domains[one.domain] = max(domains.get(one.domain, 0), one.version)
        nodes.append(helper.make_node("Identity", ["input"], [f"{prefix}input"]))
        nodes += graph.graph.node
        constants += graph.graph.initializer
        answers.append(f"{prefix}logits")
    width = _width(model, example)
    tail, more = _combined(model, answers)
    whole = helper.make_graph(
        [*nodes, *tail],
        "workflow",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, *example.shape[1:]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, width])],
        [*constants, *more],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(domains.items())]
    made = helper.make_model(whole, opset_imports=opsets, ir_version=max(one.ir_version for one in graphs))
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString(deterministic=True))


def _exported(member: Fitted, example: np.ndarray, name: str) -> Any:
    import onnx
    from onnx.inliner import inline_local_functions

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "member.onnx"
        try:
            member.export(example, file)
        except InputError:
            raise
        except Exception as cause:  # whatever a converter raises on what it does not know
            what = type(getattr(member, "estimator", getattr(member, "module", member))).__name__
            advice = "take a model that skl2onnx or torch.onnx can write, or release another one"
            raise InputError(f"{name} ({what}) cannot be written as ONNX: {type(cause).__name__}: {cause}; {advice}") from cause
        made = onnx.load(str(file))
    return inline_local_functions(made) if made.functions else made


def _opset(model: Any) -> int:
    return max(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))


def _raised(model: Any, opset: int, name: str) -> Any:
    """Return a graph in the newest operator set of all members."""
    from onnx.version_converter import convert_version

    if _opset(model) == opset:
        return model
    try:
        return convert_version(model, opset)
    except Exception as cause:
        raise InputError(f"{name} cannot be brought to ONNX operator set {opset}: {cause}") from cause


def _width(model: Composite, example: np.ndarray) -> int:
    found = model.predict(example[:2])
    return int(found.shape[1]) if found.ndim == 2 else 1


def _combined(model: Composite, answers: list[str]) -> tuple[list[Any], list[Any]]:
    """Return the nodes and constants that make ``logits`` of the members' logits."""
    import numpy as np
    from onnx import helper, numpy_helper

    def constant(name: str, value: Any) -> Any:
        return numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)

    classification = model.task == "classification"
    nodes, made = [], [constant("floor", [FLOOR])]
    parts = []
    for number, answer in enumerate(answers):
        if classification:
            nodes.append(helper.make_node("Softmax", [answer], [f"p{number}"], axis=1))
            parts.append(f"p{number}")
        else:
            parts.append(answer)
    if isinstance(model, Vote):
        for number, part in enumerate(parts):
            made.append(constant(f"weight{number}", [model.weights[number]]))
            nodes.append(helper.make_node("Mul", [part, f"weight{number}"], [f"w{number}"]))
        nodes.append(helper.make_node("Sum", [f"w{number}" for number in range(len(parts))], ["mixed"]))
    elif isinstance(model, Weighted):
        made.append(constant("factors", [model.factors]))
        nodes.append(helper.make_node("Mul", [parts[0], "factors"], ["mixed"]))
    else:
        assert isinstance(model, Stack)
        made += [constant("matrix", model.matrix), constant("offset", model.offset)]
        nodes += [
            helper.make_node("Concat", parts, ["side"], axis=1),
            helper.make_node("MatMul", ["side", "matrix"], ["product"]),
            helper.make_node("Add", ["product", "offset"], ["logits"]),
        ]
        return nodes, made
    if not classification:
        return [*nodes, helper.make_node("Identity", ["mixed"], ["logits"])], made
    nodes += [helper.make_node("Max", ["mixed", "floor"], ["above"]), helper.make_node("Log", ["above"], ["logits"])]
    return nodes, made
