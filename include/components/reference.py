"""docs/components.md: how a component is written, shared and versioned, and those that there are; `make docs` writes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from include.components import types
from include.components.declare import KINDS
from include.components.registry import as_text, param_text, shared
from include.projects.reference import cell

HEAD = """# Components

A component is a function or class with declared, typed inputs, outputs and parameters. A project's `workflow` connects
components to a graph from the data to a model; the pipeline runs each step as a job, keeps what it gave in MLflow, and
does not compute again what was done alike. This page is made from the code by `make docs`.

## Writing one

Put it into a module of the project's folder, such as `include/projects/wines/steps.py`:

```python
{example}
```

and name it as `module:function` in the workflow of project.yaml:

```yaml
{use}
```

`python -m include.components check wines` reads the project and shows the graph; what does not fit together is told with its
line. The page of the graph is linked from the last step of a run.

- **Inputs** are the arguments whose annotation is one of the types below, or `list[...]` of one. With a default of `None`
  an input may be left out. `data.train`, `data.validation` and their labels are the project's; the test part is seen by
  the evaluation alone.
- **Parameters** are all other arguments: whole numbers, numbers, true or false, texts, and lists of these. The range
  stands in the annotation, `Annotated[int, Field(ge=1)]`, a choice is `Literal["a", "b"]`.
- **Outputs** are what `outputs` declares: a dict of these names is returned, or the value itself where there is one.
  Each is checked for type, shape and NaN. An output that nothing takes is an error, unless the step says `unused`.
- **`context: Context`** gets the `project`, the `seed` of everything random, and `say`, which takes a line for the task's log.
- A **class** takes its parameters in `__init__` and its inputs in `__call__`.
- `kind` is one of {kinds}, for people who look for one.
- numpy, torch, scikit-learn and the like are imported inside of the function: declarations are read with every DAG file.
- A step is computed again where its code, a module of the project that it imports, its parameters, inputs, seed or the
  packages have changed; not where a comment has.

## Testing one

A component stays a plain function: call it with arrays and `Context(project, seed=0)`. `static_checks` of
`model_development` runs the linters over it before anything is trained.

## Sharing and versions

A component that several projects use is moved to a module of `include/components/library/` and gets a version:
`@component(name="at_most", version=1, ...)`. Projects then name it `at_most@1`.

    python -m include.components register             # gives new versions their place: library/versions.json, to commit
    python -m include.components list [WORD]          # all shared ones, or those that a word is about
    python -m include.components show at_most@1       # inputs, parameters with their ranges, outputs
    python -m include.components list --project wines # with the project's own

The digest of a registered version's code is kept, and a version whose code is another one is refused: a workflow of last
year means the same today. To change one, leave it as it is, put the changed copy beside it with `version=2`, and register
that; projects go over by their `use`, one after another.

"""
EXAMPLE = '''"""Steps of this project alone."""

from typing import Annotated, Any

from pydantic import Field

from include.components import Context, Inputs, Labels, component


@component(name="at_most", kind="preprocess", outputs={"rows": Inputs, "labels": Labels})
def at_most(rows: Inputs, labels: Labels, context: Context, most: Annotated[int, Field(ge=1)] = 100) -> dict[str, Any]:
    """Keep at most ``most`` rows of each class, drawn with the project's seed."""
    import numpy as np

    draw = np.random.default_rng(context.seed)
    kept = [draw.permutation(np.flatnonzero(labels == one))[:most] for one in np.unique(labels)]
    chosen = np.sort(np.concatenate(kept))
    context.say(f"{len(chosen)} of {len(labels)} rows stay")
    return {"rows": rows[chosen], "labels": labels[chosen]}'''
USE = """workflow:
  steps:
    prepare:
      use: prepare@1
      inputs: {train: data.train, validation: data.validation}
    at_most:
      use: steps:at_most
      inputs: {rows: prepare.train, labels: data.train_labels}
      params: {most: 20}
    forest:
      use: forest@1
      inputs:
        train: at_most.rows
        train_labels: at_most.labels
        validation: prepare.validation
        validation_labels: data.validation_labels
  model: forest.model"""


def components_page() -> str:
    """Return docs/components.md."""
    lines = [HEAD.format(example=EXAMPLE, use=USE, kinds=", ".join(f"`{one}`" for one in KINDS)).rstrip("\n")]
    lines += ["", "## Types", "", "| annotation | what flows |", "|---|---|", *_types()]
    lines += ["", "## The library", "", "| use | kind | inputs | parameters | outputs | what it does |"]
    lines += ["|---|---|---|---|---|---|", *_library()]
    return "\n".join(lines) + "\n"


def _types() -> Iterator[str]:
    for name, value in vars(types).items():
        kind = types.type_of(value)
        if kind is not None:
            said = "" if str(kind) == kind.name else f" ({kind})"
            yield f"| `{name}` | {cell((inspect.getdoc(type(kind)) or '').partition(chr(10))[0])}{said} |"
    more = 'Annotated[Any, TensorType("float32", ("n", 13))]'
    yield f"| `{more}` | an array of which more is known; equal names mean equal lengths |"


def _library() -> Iterator[str]:
    for one in shared().values():
        said = as_text(one)
        inputs = "<br>".join(f"`{name}`: {kind}" for name, kind in said["inputs"].items())
        params = "<br>".join(f"`{name}`: {cell(param_text(schema))}" for name, schema in said["params"].items())
        outputs = "<br>".join(f"`{name}`: {kind}" for name, kind in said["outputs"].items())
        yield f"| `{one.use}` | {one.kind} | {inputs} | {params} | {outputs} | {cell(inspect.getdoc(one.body) or '')} |"
