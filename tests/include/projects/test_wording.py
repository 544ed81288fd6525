"""How values that are wrong are told."""

from __future__ import annotations

from include.projects.wording import choice, meant, no_column, shown


def test_what_was_meant_is_asked_where_something_is_near() -> None:
    assert meant("radiuss", ["area", "radius"]) == " Did you mean radius?" and meant("x", ["area", "radius"]) == ""
    assert meant("반지름값", ["둘레", "반지름"]) == " Did you mean 반지름?" and meant(3, []) == ""


def test_a_choice_may_be_compared_by_another_name() -> None:
    assert choice("a1", ["b_a1", "c"]) == "must be one of b_a1, c (is 'a1'). Did you mean b_a1?"
    assert choice("r", ["long_r", "c"]) == "must be one of long_r, c (is 'r')."
    assert choice("r", ["long_r", "c"], "long_r") == "must be one of long_r, c (is 'r'). Did you mean long_r?"


def test_a_table_without_columns_says_so() -> None:
    assert no_column("x", []) == "there is no column 'x'; columns are none, for items are no rows of a table"


def test_values_are_short_and_hold_no_credential() -> None:
    assert shown("https://me:hunter2@host") == "'https://***@host'" and shown([1, None, "가"]) == '[1, null, "가"]'
    assert len(shown("x" * 1000)) == 62 and shown({1, 2}) == "{1, 2}"
