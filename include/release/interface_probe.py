"""Runs the inference code on sample rows and writes what came out; started as a program of its own.

It runs twice, in the product's Python and in the serving environment's, so it imports nothing but numpy and what a
release carries: ``python interface_probe.py CODE_FOLDER ORDER.json RESULT.npz``. Problems go to stdout, one JSON list.
"""

import base64
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


def find(reference, order, problems):
    """Import one function and check that it takes exactly one argument."""
    from serving.release import component

    module, _, name = reference.partition(":")
    try:
        function = component(reference, order["project"])
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
    given = copied(argument)
    try:
        answer = function(given)
    except Exception as error:
        problems.append([module, place(error, module), "run", f"{name} failed on {told(argument)}: {error!r}"])
        return None
    if not same(given, argument):
        what = "columns" if isinstance(argument, dict) else "array"
        problems.append([module, line, "input-changed", f"{name} changes the {what} that it is given; work on a copy"])
    return answer


def copied(values):
    """Return a copy of an array, or of columns by name."""
    return {name: column.copy() for name, column in values.items()} if isinstance(values, dict) else values.copy()


def same(one, other):
    """Tell whether two arrays, or columns by name, hold the same; a missing number is one."""
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in other)
    return np.array_equal(one, other, equal_nan=other.dtype.kind == "f")


def told(values):
    """Return values in words."""
    return "columns" if isinstance(values, dict) else f"{values.shape} {values.dtype}"


def samples(order):
    """Return what preprocessing is tried with: values by their name, and how many rows they are."""
    if order["content"]["kind"] != "array":
        from serving import values

        contents = [base64.b64decode(content) for content in order["contents"]]
        return {order["content"]["kind"]: values.read(contents, order["content"])}, contents
    rng = np.random.default_rng(20)
    low, high = order["content"]["range"]
    sample = rng.uniform(low, high, (order["rows"], *order["content"]["shape"]))
    sample[0] = low + (sample[0] - low) * 0.4  # unlike the others, so that a scale taken from the whole batch shows
    own = order["content"]["dtype"]
    sample = np.round(sample) if own.startswith(("int", "uint")) else sample
    # Arrays may come as float32 whatever the item's own type is.
    return {dtype: sample.astype(dtype) for dtype in sorted({own, "float32"})}, None


def first(order, values, contents):
    """Return the first row alone."""
    if contents is None:
        return values[:1].copy()
    from serving import values as reading

    return reading.read(contents[:1], order["content"])


def check_preprocess(reference, order, results, problems):
    """Shape, type, finite values, and that a row's result does not depend on the rows beside it."""
    function = find(reference, order, problems)
    if function is None:
        return
    module, _, name = reference.partition(":")
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
    found, contents = samples(order)
    n = order["rows"]
    for kind, rows in found.items():
        answer = call(reference, function, rows, problems)
        if answer is None:
            return
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or len(answer) != n:
            seen = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
            problems.append([module, line, "output", f"{name} must give float32 ({n}, ...) for {kind}, not {seen}"])
            return
        if not np.isfinite(answer).all():
            problems.append([module, line, "not-finite", f"{name} makes values that are not finite out of rows in range"])
        alone = function(first(order, rows, contents))
        if alone.shape != answer[:1].shape or not np.allclose(alone, answer[:1], atol=1e-6):
            problems.append([module, line, "batch", f"{name} gives a row another result when it comes alone"])
        results[f"preprocess {kind}"] = answer
    kinds = list(results)
    if len({results[kind].shape for kind in kinds}) > 1 or not np.allclose(results[kinds[0]], results[kinds[-1]], atol=1e-6):
        problems.append([module, line, "dtype", f"{name} gives other values for {kinds[-1]} than for {kinds[0]} rows"])


def check_postprocess(reference, order, results, problems):
    """The outputs: their names, shapes, types and ranges."""
    from serving import answers

    function = find(reference, order, problems)
    if function is None:
        return
    module, _, name = reference.partition(":")
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
    n, classes = order["rows"], order["classes"]
    wanted = answers.outputs_of(order["task"])
    width = {"classification": classes, "regression": 1}.get(order["task"], order["width"])
    outputs = (np.random.default_rng(21).normal(size=(n, width)) * 5).astype(np.float32)
    answer = call(reference, function, outputs, problems)
    if answer is None:
        return
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        seen = sorted(answer) if isinstance(answer, dict) else type(answer).__name__
        problems.append([module, line, "output", f"{name} must give a dict of {' and '.join(wanted)}, not {seen}"])
        return
    for key, output in wanted.items():
        value = np.asarray(answer[key])
        shape = (n, classes if output.width < 0 else output.width or value.shape[-1])
        if value.dtype != output.dtype or value.shape != shape:
            text = f"{key} must be {output.dtype} {shape}, not {value.dtype} {value.shape}"
            problems.append([module, line, "output", f"{name}: {text}"])
            return
        if not np.isfinite(value).all():
            problems.append([module, line, "not-finite", f"{name}: {key} holds values that are not finite"])
        results[f"postprocess {key}"] = value
    if order["task"] != "classification":
        return
    labels, probabilities = answer["LABEL"], answer["PROBABILITIES"]
    if labels.min() < 0 or labels.max() >= classes:
        problems.append([module, line, "label", f"{name} gives labels outside 0..{classes - 1}"])
    if probabilities.min() < 0 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-4):
        problems.append([module, line, "probabilities", f"{name} gives probabilities below 0 or that do not add up to 1"])


def main(folder, order_path, result_path):
    """Check both functions, those that are the project's own."""
    sys.path.insert(0, folder)
    from serving.release import expose

    order = json.loads(Path(order_path).read_text(encoding="utf-8"))
    expose(Path(folder) / "inference", order["project"])
    problems: list[list[object]] = []
    pre: dict[str, np.ndarray] = {}
    post: dict[str, np.ndarray] = {}
    if order["preprocess"]:
        check_preprocess(order["preprocess"], order, pre, problems)
    if order["postprocess"]:
        check_postprocess(order["postprocess"], order, post, problems)
    np.savez(result_path, **{**pre, **post})  # type: ignore[arg-type]
    print(json.dumps({"numpy": np.__version__, "python": sys.version.split()[0], "problems": problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
