import statistics

import numpy as np
import optuna
import pytest

from include.projects.tuning import Family, Range, Tuning
from include.training.errors import InputError
from include.training.search import points
from include.training.space import distributions, domain, grid, kept, narrowed, sample, samples, size, suggest

SPACE = {
    "rate": Range(low=0.001, high=0.1, log=True, steps=3),
    "depth": Range(low=1, high=3, integer=True, steps=3),
    "kind": Range(choices=["넓게", [1, 2]]),
}


@pytest.fixture
def project_with(digits):
    def made(families=None, **tuning):
        wish = Tuning(**{"space": SPACE, **tuning})
        training = digits.training.model_copy(update={"tuning": wish, "families": families or {}})
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
        ({"low": 0.5, "high": 2, "integer": True}, "low: must be a whole number"),
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
    project = project_with(search="grid", trials=18)
    assert len(points(project, 18)) == 18 and points(project, 20) == points(project, 18)
    with pytest.raises(InputError, match="has 18 points, and 3 trials were asked for: leave trials empty"):
        points(project, 3)


def test_whole_numbers_are_drawn_by_their_logarithm_where_asked(project_with):
    project = project_with(space={"width": Range(low=1, high=1000, log=True, integer=True)})
    drawn = [sample(project, number)["width"] for number in range(1, 1001)]
    assert all(isinstance(one, int) and 1 <= one <= 1000 for one in drawn)
    assert 450 < sum(one < 32 for one in drawn) < 650 and min(drawn) == 1 and max(drawn) > 900


def test_ray_draws_whole_numbers_by_their_logarithm_too():
    drawn = domain(Range(low=1, high=1000, log=True, integer=True)).sample(size=1000)
    assert {type(one) for one in drawn} <= {int, np.int64} and 1 <= min(drawn) and max(drawn) <= 1000
    assert statistics.median(drawn) < 100


SMALL = {"kind": Range(choices=["넓게", [1, 2]]), "depth": Range(low=1, high=3, integer=True)}


def test_a_random_search_tries_no_point_twice_while_there_are_others(project_with):
    project = project_with(space=SMALL)
    assert size(project) == 6
    for total in (5, 6, 20):
        found = samples(project, total)
        assert len(found) == len({str(point) for point in found}) == min(total, 6)
    assert samples(project, 6)[:5] == samples(project, 5) and samples(project, 1) == [sample(project, 1)]


def test_what_chance_hardly_finds_comes_at_the_end(project_with):
    project = project_with(space={"a": Range(low=1, high=200, log=True, integer=True)})
    assert sorted(point["a"] for point in samples(project, 300)) == list(range(1, 201))


@pytest.mark.parametrize("search", ["random", "bayesian", "grid"])
def test_a_space_that_leaves_nothing_to_choose_makes_one_trial(project_with, search):
    for space, point in (({}, {}), ({"kind": Range(choices=["넓게", "넓게"])}, {"kind": "넓게"})):
        project = project_with(search=search, space=space)
        assert points(project, 8) == [point] and size(project) == 1


def test_the_size_of_a_space_is_that_of_all_families(project_with):
    assert size(project_with()) is None
    assert (
        size(project_with({**FAMILIES, "wide": Family(model="model:build", space={"width": SMALL["depth"]})}, space=SMALL)) == 24
    )


def test_members_of_a_population_may_begin_alike(project_with):
    project = project_with(search="population", mutate=["depth"], space=SMALL)
    assert len(points(project, 8)) == 8


def test_what_a_model_to_begin_with_fixes_is_not_searched(project_with):
    narrow = narrowed(project_with(FAMILIES), {"family": "wide", "width": 8, "kind": "넓게"})
    assert {str(sorted(sample(narrow, number))) for number in range(1, 9)} == {"['depth', 'family', 'rate']"}
    assert {sample(narrow, number)["family"] for number in range(1, 9)} == {"wide"}
    with pytest.raises(InputError, match="family 'tall', and digits has wide, deep"):
        narrowed(project_with(FAMILIES), {"family": "tall"})
    population = project_with(search="population", mutate=["rate", "depth"])
    assert narrowed(population, {"depth": 2}).training.tuning.mutate == ["rate"]
    with pytest.raises(InputError, match=r"may change \(rate, depth\) is fixed by the model to begin with"):
        narrowed(population, {"depth": 2, "rate": 0.01})


def test_what_a_population_changes_stays_within_its_range(project_with):
    point = {"rate": 0.12, "depth": 4, "kind": [1, 2], "other": 5}
    assert kept(project_with(), point) == {"rate": 0.1, "depth": 3, "kind": [1, 2], "other": 5}
    assert isinstance(kept(project_with(), point)["depth"], int)
    assert kept(project_with(), {"rate": 0.0008, "depth": 0}) == {"rate": 0.001, "depth": 1}
