"""Names of projects: what cannot be one is refused with one that can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.projects import list_projects
from include.projects.parts import NAME
from include.scaffold import ScaffoldError, check_name, suggest


@pytest.mark.parametrize(
    ("name", "says", "instead"),
    [
        ("손글씨", "not of 2 to 41", "songeulssi"),
        ("고객 문의", "not of 2 to 41", "gogaek_munui"),
        ("Digits Two", "not of 2 to 41", "digits_two"),
        ("café-menü", "not of 2 to 41", "cafe_menu"),
        ("../etc", "is a path", "etc"),
        ("a/b", "is a path", "a_b"),
        ("a\\b", "is a path", "a_b"),
        ("nul\0l", "is a path", "nul_l"),
        ("..", "is a path", "my_project"),
        ("", "not of 2 to 41", "my_project"),
        ("x", "not of 2 to 41", "x_project"),
        ("9lives", "not of 2 to 41", "lives"),
        ("_hidden", "not of 2 to 41", "hidden"),
        ("trailing\n", "not of 2 to 41", "trailing"),
        ("日本", "not of 2 to 41", "my_project"),
        ("🖋", "not of 2 to 41", "my_project"),
        ("class", "a word of Python", "class_project"),
        ("lambda", "a word of Python", "lambda_project"),
        ("training", "taken by the product", "training_project"),
        ("parts", "taken by the product", "parts_project"),
        ("tests", "taken by the product", "tests_project"),
        ("digits", "there is a project 'digits' already", "digits_2"),
        ("co2-levels", "not of 2 to 41", "co2_levels_2"),
        ("a" * 42, "has 42 characters, and 41 is the most", "a" * 41),
        ("가" * 400, "has 400 characters", "ga" * 20 + "g"),
    ],
)
def test_what_is_no_name_is_refused_with_one_that_is(name: str, says: str, instead: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match=re.escape(says)) as caught:
        check_name(name, tmp_path)
    assert f"Take {instead!r}" in caught.value.advice
    check_name(instead, tmp_path)
    assert NAME.fullmatch(instead)


def test_good_names(tmp_path: Path) -> None:
    for name in ("ab", "a" * 41, "wine_quality_2", "match", "type"):
        check_name(name, tmp_path)


def test_names_that_become_the_same_repository(tmp_path: Path) -> None:
    (tmp_path / "sea-ice").mkdir()
    (tmp_path / "Sea_Air").mkdir()
    for name, other in (("sea_ice", "sea-ice"), ("sea_air", "Sea_Air")):
        with pytest.raises(ScaffoldError, match=f"the data repository of '{other}'"):
            check_name(name, tmp_path)
    assert suggest("sea_ice", tmp_path) == "sea_ice_2"


def test_a_long_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / ("a" * 41)).mkdir()
    assert suggest("a" * 41, tmp_path) == "a" * 39 + "_2"


def test_no_shipped_project_has_a_reserved_name(tmp_path: Path) -> None:
    for name in list_projects():
        with pytest.raises(ScaffoldError, match="already"):
            check_name(name, tmp_path)
