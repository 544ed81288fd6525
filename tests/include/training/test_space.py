import optuna
import pytest

from include.projects.training import Family, Range, Tuning
from include.training.errors import InputError
from include.training.space import distributions, grid, sample, suggest

SPACE = {
    "rate": Range(low=0.001, high=0.1, log=True, steps=3),
    "depth": Range(low=1, high=3, integer=True, steps=3),
    "kind": Range(choices=["넓게", [1, 2]]),
}


@pytest.fixture
def project_with(digits):
    def made(families=None, **tuning):
        training = digits.training.model_copy(update={"tuning": Tuning(space=SPACE, **tuning), "families": families or {}})
        return digits.model_copy(update={"training": training})

    return made


FAMILIES = {"wide": Family(model="model:build", space={"width": Range(choices=[8])}), "deep": Family(model="model:build")}


def test_a_point_depends_on_seed_and_number_alone(project_with):
    project = project_with()
    points = [sample(project, number) for number in range(1, 40)]
    assert points == [sample(project, number) for number in range(1, 40)]
    assert sample(project, 7) == points[6] and len({str(p) for p in points}) == 39
    assert all(0.001 <= p["rate"] <= 0.1 and p["depth"] in (1, 2, 3) and isinstance(p["depth"], int) for p in points)
    assert sum(p["rate"] < 0.01 for p in points) > 10  # equal ratios are equally likely


def test_families_have_parameters_of_their_own(project_with):
    points = [sample(project_with(FAMILIES), number) for number in range(1, 40)]
    assert {p["family"] for p in points} == {"wide", "deep"}
    assert all(("width" in p) == (p["family"] == "wide") for p in points)


def test_grid(project_with):
    points = grid(project_with(trials=100))
    assert len(points) == 18 and len({str(p) for p in points}) == 18
    assert sorted({round(p["rate"], 6) for p in points}) == [0.001, 0.01, 0.1]
    assert len(grid(project_with(FAMILIES, trials=100))) == 36
    with pytest.raises(InputError, match="18 points, more than"):
        grid(project_with(trials=8))


def test_a_range_without_steps_is_no_grid(digits):
    with pytest.raises(InputError, match="needs steps"):
        grid(digits)


def test_optuna_sees_the_same_space(project_with):
    project = project_with(FAMILIES)
    study = optuna.create_study()
    for number in range(20):
        asked = study.ask()
        point = suggest(project, asked)
        values, found = distributions(project, point)
        assert values == asked.params and found == asked.distributions
        study.tell(asked, number)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"low": 0, "high": 1, "log": True}, "above 0"),
        ({"low": 2, "high": 1}, "below high"),
        ({"low": 0.5, "high": 2, "integer": True}, "whole numbers"),
        ({"choices": []}, "must not be empty"),
        ({"low": 1}, "either choices or both"),
    ],
)
def test_ranges_that_hold_nothing_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Range(**wrong)


def test_a_population_says_what_may_change():
    with pytest.raises(ValueError, match="needs mutate"):
        Tuning(search="population")
    with pytest.raises(ValueError, match="means nothing"):
        Tuning(mutate=["rate"])


def test_a_grid_of_which_but_some_points_are_asked_for_is_refused(project_with):
    from include.training.search import points

    project = project_with(search="grid", trials=18)
    assert len(points(project, 18)) == 18 and points(project, 20) == points(project, 18)
    with pytest.raises(InputError, match="has 18 points, and 3 trials were asked for: leave trials empty"):
        points(project, 3)
