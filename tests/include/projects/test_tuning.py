"""What training.tuning and training.families of project.yaml may say: spaces, resources, budgets, what fits a search."""

from __future__ import annotations

import numpy as np
import pytest

from include.projects import load_project
from include.projects.tuning import Family, Range, Resources, Tuning, space_problems
from tests.include.projects.conftest import Refused

DROPOUT = "{low: 0.0, high: 0.4}"
RATE = "{low: 0.0005, high: 0.01, log: true}"
SPACE = "training.tuning.space"
REGRESSION = "validation_loss, validation_rmse, validation_mae, validation_r2, validation_mape"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{low: 0.4, high: 0.4}", ".low: must be below high (is 0.4, high is 0.4). Exchange them, or open the range"),
        ("{low: 0.0, high: 0.4, log: true}", ".low: must be above 0 where log is true (is 0)"),
        ("{low: 0.5, high: 2, integer: true}", ".low: must be a whole number where integer is true (is 0.5)"),
        ("{low: 0, high: .inf}", ".high: must be a finite number (is inf)"),
        ("{low: 1}", ": give either choices or both low and high"),
        ("{choices: [1], low: 3}", ": give either choices or both low and high"),
        ("{choices: []}", ".choices: must not be empty"),
        ("{choices: [1, 2], steps: 3}", ".steps: it means nothing beside choices: take it out"),
        (
            "{choices: [a, 2024-01-01]}",
            ".choices.1: must be text, a number, true, false, or a list or mapping of such (is 2024-01-01)",
        ),
        (
            "{low: 0, high: 1, steps: 0}",
            ".steps: must be at least 1 (is 0). How many values a search by grid takes of low to high.",
        ),
    ],
)  # fmt: skip
def test_a_range_that_holds_nothing_is_refused_with_its_line(given: str, says: str, refused: Refused) -> None:
    assert refused("digits", (DROPOUT, given)) == [f"dropout | {SPACE}.dropout{says}"]


def test_a_range_of_a_family_has_its_line_too(refused: Refused) -> None:
    (line,) = refused("breast_masses", ("{low: 60, high: 240, integer: true}", "{low: 60, high: 6, integer: true}"))
    place = "training.families.boosting.space.trees.low"
    assert line == f"space | {place}: must be below high (is 60, high is 6). Exchange them, or open the range"


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        (
            "digits",
            [("trials: 8", "search: grid"), (DROPOUT, "{low: 0.0, high: 0.4, steps: 3}")],
            f"learning_rate | {SPACE}.learning_rate.steps: is missing. A search by grid needs steps beside low and high, or "
            "choices",
        ),
        (
            "breast_masses",
            [("tuning: {trials: 12", "tuning: {search: grid, trials: 12"), ("{low: 0.03, high: 30, log: true}", "{choices: [1]}")]
            + [("{low: 60, high: 240, integer: true}", "{choices: [60]}")] * 2,
            "space | training.families.boosting.space.rate.steps: is missing. A search by grid needs steps beside low and "
            "high, or choices",
        ),
        (
            "digits",
            [
                ("trials: 8", "search: grid\n    trials: 71"),
                (RATE, "{low: 0.0005, high: 0.01, log: true, steps: 3}"),
                (DROPOUT, "{low: 0.0, high: 0.4, steps: 3}"),
            ],
            "trials | training.tuning.trials: must be at least 72, for a search by grid tries every point (is 71)",
        ),
        (
            "digits",
            [("trials: 8", "search: grid"), (RATE, "{low: 0.0005, high: 0.01, steps: 1000}"), (DROPOUT, "{choices: [0, 1]}")],
            f"space | {SPACE}: makes a grid of 16,000 points, more than the 10,000 trials that there may be: take fewer",
        ),
        (
            "digits",
            [("trials: 8", "trials: 8\n    mutate: [dropout]")],
            "mutate | training.tuning.mutate: mutate means nothing to the search random",
        ),
        (
            "digits",
            [("trials: 8", "search: population"), ("    grace_epochs: 2\n", "")],
            "tuning | training.tuning: a search by population needs mutate: hyperparameters that do not change the model's shape",
        ),
        (
            "digits",
            [("trials: 8", "search: population\n    mutate: [drop_out]"), ("    grace_epochs: 2\n", "")],
            "mutate | training.tuning.mutate.0: must be one of learning_rate, channels, hidden, dropout, batch_size (is "
            "'drop_out'). Did you mean dropout?",
        ),
        (
            "digits",
            [("trials: 8", "search: population\n    mutate: [dropout]\n    trials: 1"), ("    grace_epochs: 2\n", "")],
            "trials | training.tuning.trials: must be at least 2 where search is population, whose members learn from each "
            "other (is 1)",
        ),
        (
            "digits",
            [("trials: 8", "search: population\n    mutate: [dropout]\n    early_stopping: true"), ("    grace_epochs: 2\n", "")],
            "early_stopping | training.tuning.early_stopping: it means nothing to the search population, where models that "
            "lag behind take over the best",
        ),
        (
            "breast_masses",
            [("grace_epochs: 1", "grace_epochs: 2")],
            "tuning | training.tuning.grace_epochs: must be at most epochs, which is 1 (is 2)",
        ),
        (
            "digits",
            [("trials: 8", "resources: {gpu: 1.5}")],
            "resources | training.tuning.resources.gpu: must be 0, a fraction from 0.0001 to 1, or a whole number (is 1.5). "
            "Trials share one GPU by fractions, and cannot share several",
        ),
        (
            "digits",
            [("trials: 8", "resources: {cpu: 0}")],
            "resources | training.tuning.resources.cpu: must be at least 0.0001 (is 0). Processors.",
        ),
        (
            "digits",
            [("trials: 8", "resources: {cpu: .inf}")],
            "resources | training.tuning.resources.cpu: must be a finite number (is Infinity). Processors.",
        ),
        (
            "digits",
            [("trials: 8", "trials: 0")],
            "trials | training.tuning.trials: must be at least 1 (is 0). Models that are tried, at most; a grid needs one for "
            "each point.",
        ),
        (
            "digits",
            [("trials: 8", "budget: {minutes: 0}")],
            "budget | training.tuning.budget.minutes: must be above 0 (is 0). Time of the whole search.",
        ),
        (
            "digits",
            [("trials: 8", "budget: {target: .nan}")],
            "budget | training.tuning.budget.target: must be a finite number (is NaN). Value of the metric that is good enough.",
        ),
        (
            "digits",
            [("trials: 8", "budget: {target: 95}")],
            "budget | training.tuning.budget.target: must be above 0 and at most 1, where validation_accuracy lies (is 95.0)",
        ),
        (
            "co2_levels",
            [("metric: validation_rmse", "metric: validation_rmse\n    budget: {target: -1}")],
            "budget | training.tuning.budget.target: must be above 0, where validation_rmse lies (is -1.0)",
        ),
        (
            "co2_levels",
            [("metric: validation_rmse", "metric: beauty")],
            f"metric | training.tuning.metric: must be one of {REGRESSION} (is 'beauty').",
        ),
        (
            "co2_levels",
            [("metric: validation_rmse", "metric: mae")],
            f"metric | training.tuning.metric: must be one of {REGRESSION} (is 'mae'). Did you mean validation_mae?",
        ),
        (
            "co2_levels",
            [("metric: validation_rmse", "metric: validation_accuracy")],
            f"metric | training.tuning.metric: must be one of {REGRESSION} (is 'validation_accuracy'). Did you mean "
            "validation_r2?",
        ),
        (
            "shelf_photos",
            [("components:", "training: {tuning: {metric: validation_loss}}\ncomponents:")],
            "training | training.tuning.metric: it means nothing to the task detection, for which no model is trained here: "
            "leave it out",
        ),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_refused_with_its_line(
    name: str, changes: list[tuple[str, str]], says: str, refused: Refused
) -> None:
    assert refused(name, *changes) == [says]


def test_a_metric_of_the_project_may_decide(refused: Refused) -> None:
    own = ("\ntraining:", "\nmetrics: {peak_error: {function: 'checks:peak', direction: min}}\ntraining:")
    (line,) = refused("co2_levels", own, ("metric: validation_rmse", "metric: validation_peak_eror"))
    known = f"{REGRESSION}, validation_peak_error"
    says = f"must be one of {known} (is 'validation_peak_eror'). Did you mean validation_peak_error?"
    assert line == f"metric | training.tuning.metric: {says}"


@pytest.mark.parametrize("share", [0, 0.0001, 0.25, 1, 2, 8])
def test_shares_of_a_gpu_that_ray_can_give(share: float) -> None:
    assert Resources(gpu=share).gpu == share


@pytest.mark.parametrize("share", [0.00001, 1.5, 2.25, float("inf"), float("nan"), -1])
def test_shares_of_a_gpu_that_nothing_can_give(share: float) -> None:
    with pytest.raises(ValueError, match="gpu"):
        Resources(gpu=share)


@pytest.mark.parametrize(
    "given",
    [
        {"low": 0.0, "high": 0.4, "steps": 5},
        {"low": 0.0005, "high": 0.01, "log": True, "steps": 7},
        {"low": 3, "high": 4.5, "steps": 1},
        {"low": 1, "high": 1000, "log": True, "integer": True, "steps": 9},
        {"low": 1, "high": 3, "integer": True, "steps": 9},
    ],
)
def test_a_grid_is_that_of_numpy(given: dict[str, float]) -> None:
    axis = (np.geomspace if given.get("log") else np.linspace)(given["low"], given["high"], int(given["steps"]))
    wanted = list(dict.fromkeys(round(one) for one in axis)) if given.get("integer") else axis.tolist()
    assert Range(**given).grid() == pytest.approx(wanted, rel=1e-12)  # type: ignore[arg-type]


def test_a_grid_takes_no_choice_twice() -> None:
    assert Range(choices=[1, [1, 2], "1", 1, [1, 2], True]).grid() == [1, [1, 2], "1", True]


def test_a_grid_of_families_counts_the_points_of_each() -> None:
    shared = Tuning(search="grid", trials=10, space={"a": Range(choices=[1, 2])})
    families = {
        "wide": Family(model="m:f", space={"b": Range(low=0, high=1, steps=4)}),
        "deep": Family(model="m:f", space={"a": Range(choices=[5, 6])}),  # in place of the shared one
    }
    assert space_problems(shared, families) == []
    fewer = shared.model_copy(update={"trials": 9})
    assert space_problems(fewer, families) == [
        "tuning.trials: must be at least 10, for a search by grid tries every point (is 9)"
    ]
    assert space_problems(fewer.model_copy(update={"search": "random"}), families) == []


def test_shipped_searches_are_right() -> None:
    assert load_project("flower_groups").training.tuning.search == "grid"
