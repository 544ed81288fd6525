"""The sections ``release``, ``approval``, ``monitoring`` and ``retraining`` of a project.yaml."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from include.projects.parts import NAME, Fraction, Part
from include.projects.split import Split


class Release(Part):
    """How a model is optimised, and what it must show before it is sealed."""

    quantise: Literal["none", "int8"] = Field(
        "int8", description="int8 is tried, and taken where it loses no more than max_accuracy_drop."
    )
    max_accuracy_drop: float = Field(0.01, ge=0, description="What quantising may cost.")
    parity_tolerance: float = Field(1e-3, gt=0, description="Largest difference of probabilities, torch to ONNX.")
    staging_rows: int = Field(200, ge=1, description="Items of the test part that are asked in staging.")
    staging_min_accuracy: Fraction = Field(0.9, description="Share that must be answered rightly there.")
    staging_max_error: float | None = Field(None, gt=0, description="Mean absolute error of a regression, at most.")
    staging_max_p99_ms: float = Field(100, gt=0, description="99th percentile of an answer's time there, at most.")


class ApprovalStep(Part):
    """One question to one person."""

    name: str = Field(pattern=NAME.pattern, description="Of the step; its task is called so.")
    title: str = Field(description="What is asked.")
    role: str = Field("Approver", description="Airflow role of those who may answer.")


STEPS = [
    ApprovalStep(name="approve_model", title="The model may go into production"),
    ApprovalStep(name="approve_inference_code", title="The inference code may go into production"),
]


class Approval(Part):
    """Who must say yes. Every step needs another person, and none of them may be an author."""

    steps: list[ApprovalStep] = Field(STEPS, min_length=1, description="What is asked, in this order.")
    timeout_minutes: float = Field(24 * 60, gt=0, description="No answer in this time means no.")
    valid_hours: float = Field(72, gt=0, description="An approval older than this no longer counts.")


class Monitoring(Part):
    """What counts as drift."""

    start: bool = Field(True, description="Watch from the beginning; otherwise the DAG waits until somebody switches it on.")

    window_rows: int = Field(200, ge=20, description="Inferences of one window.")
    threshold: float = Field(0.2, gt=0, description="Drift score (mean PSI) above which a window counts as drifted.")
    windows_in_a_row: int = Field(2, ge=1, description="Drifted windows that make an alert.")
    poll_seconds: float = Field(2, gt=0, description="Pause between two looks at the prediction log.")
    report_rows: int = Field(5000, ge=1, description="At most this many rows go into the Evidently report.")


MIN_TEST_ROWS = 30
"""Old and new test rows that a four-way comparison needs of each: fewer decide nothing, and a new model is rejected."""


class Retraining(Part):
    """What a retraining needs, and what the new model must show."""

    min_new_rows: int = Field(
        200, ge=1, description=f"New rows with true answers that a round needs; their test part needs {MIN_TEST_ROWS}."
    )
    truth_wait_minutes: float = Field(60, gt=0, description="How long a retraining waits for late true answers.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the intervals by which the two models are compared.")
    max_loss_on_old: Fraction = Field(
        0.02,
        description="How much accuracy a new model may lose on old data; of a regression, by which share its error may grow.",
    )
    min_gain_on_new: Fraction = Field(
        0.0, description="How much it must gain on new data; of a regression, by which share its error must shrink."
    )


def retraining_problems(retraining: Retraining, split: Split) -> list[str]:
    """Return what is wrong with a retraining whose new rows, as many as it asks for, leave too few for the comparison."""
    expected = retraining.min_new_rows * split.test_share
    if "min_new_rows" not in retraining.model_fields_set or expected >= MIN_TEST_ROWS:
        return []
    wanted = math.ceil(round(MIN_TEST_ROWS / split.test_share, 6))
    given, few = retraining.min_new_rows, math.floor(expected)
    return [
        f"retraining.min_new_rows: of {given} new rows {few} come into the test part, and a four-way comparison needs "
        f"{MIN_TEST_ROWS}: give at least {wanted}, or a larger test part in split"
    ]
