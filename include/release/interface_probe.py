"""Runs the inference code on sample rows and writes what came out; started as a program of its own.

It runs twice, in the product's Python and in the serving environment's, so it imports nothing but numpy:
``python interface_probe.py CODE_FOLDER ORDER.json RESULT.npz``. Problems go to stdout, one JSON list.
"""

import importlib
import inspect
import json
import sys
import traceback
from pathlib import Path

import numpy as np


def place(error, module):
    """Return the line of the inference code that raised ``error``."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(f"{module}.py")]
    return lines[-1] if lines else 1


def find(reference, problems):
    """Import one function and check that it takes exactly one argument."""
    module, _, name = reference.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        line = getattr(error, "lineno", None) or place(error, module)
        problems.append([module, line, "import", f"{reference} cannot be imported: {type(error).__name__}: {error}"])
        return None
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
        problems.append([module, line, "signature", f"{name} must take one argument, the batch: {error}"])
        return None
    return function


def call(reference, function, argument, problems):
    """Run one function; a copy of the argument tells whether it writes into its input."""
    module, _, name = reference.partition(":")
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
    given = argument.copy()
    try:
        answer = function(given)
    except Exception as error:
        problems.append([module, place(error, module), "run", f"{name} failed on {argument.shape} {argument.dtype}: {error!r}"])
        return None
    if not np.array_equal(given, argument):
        problems.append([module, line, "input-changed", f"{name} changes the array that it is given; work on a copy"])
    return answer


def check_preprocess(reference, order, results, problems):
    """Shape, type, finite values, and that a row's result does not depend on the rows beside it."""
    function = find(reference, problems)
    if function is None:
        return
    module, _, name = reference.partition(":")
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
    rng = np.random.default_rng(20)
    low, high = order["range"]
    sample = rng.uniform(low, high, (order["rows"], *order["shape"]))
    sample[0] = low + (sample[0] - low) * 0.4  # unlike the others, so that a scale taken from the whole batch shows
    sample = np.round(sample) if order["dtype"].startswith(("int", "uint")) else sample
    # The model server hands over float32 whatever the item's own type is.
    for dtype in sorted({order["dtype"], "float32"}):
        rows = sample.astype(dtype)
        answer = call(reference, function, rows, problems)
        if answer is None:
            return
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or len(answer) != len(rows):
            seen = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
            problems.append([module, line, "output", f"{name} must give float32 ({len(rows)}, ...) for {dtype}, not {seen}"])
            return
        if not np.isfinite(answer).all():
            problems.append([module, line, "not-finite", f"{name} makes values that are not finite out of rows in range"])
        alone = function(rows[:1].copy())
        if alone.shape != answer[:1].shape or not np.allclose(alone, answer[:1], atol=1e-6):
            problems.append([module, line, "batch", f"{name} gives a row another result when it comes alone"])
        results[f"preprocess {dtype}"] = answer
    kinds = list(results)
    if len({results[kind].shape for kind in kinds}) > 1 or not np.allclose(results[kinds[0]], results[kinds[-1]], atol=1e-6):
        problems.append([module, line, "dtype", f"{name} gives other values for {order['dtype']} than for float32 rows"])


def check_postprocess(reference, order, results, problems):
    """The two outputs: their shapes, types and ranges."""
    function = find(reference, problems)
    if function is None:
        return
    module, _, name = reference.partition(":")
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
    n, classes = order["rows"], order["classes"]
    logits = (np.random.default_rng(21).normal(size=(n, classes)) * 5).astype(np.float32)
    answer = call(reference, function, logits, problems)
    if answer is None:
        return
    wanted = {"LABEL": (np.int32, (n, 1)), "PROBABILITIES": (np.float32, (n, classes))}
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        seen = sorted(answer) if isinstance(answer, dict) else type(answer).__name__
        problems.append([module, line, "output", f"{name} must give a dict of LABEL and PROBABILITIES, not {seen}"])
        return
    for key, (dtype, shape) in wanted.items():
        value = np.asarray(answer[key])
        if value.dtype != dtype or value.shape != shape:
            text = f"{key} must be {np.dtype(dtype)} {shape}, not {value.dtype} {value.shape}"
            problems.append([module, line, "output", f"{name}: {text}"])
            return
        results[f"postprocess {key}"] = value
    labels, probabilities = answer["LABEL"], answer["PROBABILITIES"]
    if labels.min() < 0 or labels.max() >= classes:
        problems.append([module, line, "label", f"{name} gives labels outside 0..{classes - 1}"])
    if probabilities.min() < 0 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-4):
        problems.append([module, line, "probabilities", f"{name} gives probabilities below 0 or that do not add up to 1"])


def main(folder, order_path, result_path):
    """Check both functions."""
    sys.path.insert(0, folder)
    order = json.loads(Path(order_path).read_text(encoding="utf-8"))
    problems: list[list[object]] = []
    pre: dict[str, np.ndarray] = {}
    post: dict[str, np.ndarray] = {}
    check_preprocess(order["preprocess"], order, pre, problems)
    check_postprocess(order["postprocess"], order, post, problems)
    np.savez(result_path, **{**pre, **post})  # type: ignore[arg-type]
    print(json.dumps({"numpy": np.__version__, "python": sys.version.split()[0], "problems": problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
