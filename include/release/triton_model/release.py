"""A release's package as code: contents to the model's inputs, the model's outputs to answers.

A copy of this file lies in every release's package, beside the product's modules that it loads; it imports nothing
else of the product, and runs in the serving environment (see requirements-serving.in).
"""

import importlib
import json
import sys
from types import ModuleType

import numpy as np
from serving import answers
from serving import values as product_values


def expose(folder, project):
    """Make the modules of a project importable by the names that they have in the product.

    Args:
        folder: Path of the modules.
        project: the project's name.
    """
    package = ""
    for part, places in (("include", []), ("projects", []), (project, [str(folder)])):
        package = f"{package}.{part}".lstrip(".")
        if package not in sys.modules:
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = places


def component(reference, project):
    """Import one function of the inference code, ``module:function``."""
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(f"include.projects.{project}.{module}"), function)


class Release:
    """A release without its network.

    Args:
        folder: Path of the package's version folder, ``1``.
    """

    def __init__(self, folder):
        self.about = json.loads((folder.parent / "release.json").read_text(encoding="utf-8"))
        self.form, self.task, self.classes = self.about["content"], self.about["task"], len(self.about["classes"])
        project = self.about["project"]
        expose(folder / "inference", project)
        preprocess, postprocess = (self.about["components"][kind] for kind in ("preprocess", "postprocess"))
        if preprocess is None:
            steps = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))
            transform = importlib.import_module("serving.transforms").transform
            self.preprocess = lambda values: transform(values, steps)
        else:
            self.preprocess = component(preprocess, project)
        self.postprocess = component(postprocess, project) if postprocess else answers.postprocess(self.task)
        self.is_array = self.form["kind"] == "array"
        self.dtype = np.dtype(self.form["dtype"]) if self.is_array else None

    def inputs(self, contents):
        """Return the model's inputs float32 (n, ...) of contents, exactly as training makes them.

        Args:
            contents: an array (n, *shape), or bytes (n, 1), one an item.
        """
        if not self.is_array:
            values = product_values.read([bytes(content) for content in contents[:, 0]], self.form)
        elif not np.isfinite(contents).all():
            raise ValueError("INPUT holds values that are not finite numbers")
        else:
            values = contents.astype(self.dtype, copy=False)
        return product_values.inputs(self.preprocess(values), len(contents))

    def answer(self, outputs, rows):
        """Return the answers (n, ...) of the model's outputs by name, each of its declared type."""
        found = self.postprocess(outputs)
        problem = answers.problem(found, self.task, rows, self.classes)
        if problem:
            raise ValueError(f"postprocess gave no usable answer for {rows} rows: {problem}")
        wanted = answers.outputs_of(self.task)
        return {name: np.asarray(found[name]).astype(output.dtype, copy=False) for name, output in wanted.items()}
