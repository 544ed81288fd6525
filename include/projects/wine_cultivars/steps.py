"""A component of this project alone."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from include.components import Context, Inputs, Labels, component


@component(name="measure_again", kind="preprocess", outputs={"rows": Inputs, "labels": Labels})
def measure_again(
    rows: Inputs,
    labels: Labels,
    context: Context,
    times: Annotated[int, Field(ge=1, le=20)] = 2,
    error: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> dict[str, Any]:
    """Add rows of the training part as if they were measured again: ``error`` is the deviation, of values whose own is 1."""
    import numpy as np

    draw = np.random.default_rng(context.seed)
    again = [rows + draw.normal(0, error, rows.shape).astype(np.float32) for _ in range(times)]
    context.say(f"{len(rows)} rows became {len(rows) * (times + 1)}")
    return {"rows": np.concatenate([rows, *again]), "labels": np.tile(labels, times + 1)}
