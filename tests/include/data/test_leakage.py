"""Leakage: found wherever it is, in rows however they were divided."""

from __future__ import annotations

import pytest

from include.data.leakage import LeakageError, leakage
from include.data.recipes import Rows

RANDOM = {"method": "random"}
TIME = {"method": "time", "cuts": {"validation": "1970-01-01T00:00:10.000000+00:00", "test": "1970-01-01T00:00:20.000000+00:00"}}


def check(report: dict, name: str) -> dict:
    return next(one for one in report["checks"] if one["name"] == name)


def test_nothing_leaks() -> None:
    report = leakage([(RANDOM, Rows(["a", "b"], ["x", "x"]))], [[(0, "train"), (1, "test")]])
    assert report == {"ok": True, "checks": [{"name": "contents", "ok": True, "value": 0, "limit": "0 items in two parts"}]}


def test_the_same_content_in_two_rounds() -> None:
    pieces = [(RANDOM, Rows(["a", "b"], ["x", "x"])), (RANDOM, Rows(["c", "b"], ["x", "x"]))]
    given = [[(0, "train"), (1, "train")], [(0, "test"), (1, "test")]]
    found = leakage(pieces, given)
    assert not found["ok"] and check(found, "contents")["value"] == 1
    assert check(found, "contents")["examples"] == ["b in train and test"]
    assert leakage(pieces, [given[0], given[1][:1]])["ok"], "a row that is left out does not leak"
    with pytest.raises(LeakageError, match=r"v1: parts leak.*contents is 1.*b in train and test") as caught:
        raise LeakageError("v1", found)
    assert caught.value.report == found


def test_a_group_in_two_folds() -> None:
    pieces = [(RANDOM, Rows(list("abcd"), ["x"] * 4, ["김", "이", None, None])), (RANDOM, Rows(["e"], ["x"], ["김"]))]
    given = [[(0, "1"), (1, "2"), (2, "1"), (3, "2")], [(0, "2")]]
    found = leakage(pieces, given)
    assert not found["ok"] and check(found, "groups")["examples"] == ["김 in 1 and 2"]
    allowed = leakage(pieces, given, groups_may_cross=True)
    assert allowed["ok"] and check(allowed, "groups")["value"] == 1 and "may_cross" in check(allowed, "groups")["limit"]
    assert leakage(pieces, [given[0], [(0, "1")]])["ok"]


def test_time_that_goes_back() -> None:
    rows = Rows(list("abcd"), ["x"] * 4, None, [1, 12_000_000, 21_000_000, 5])
    good = [(0, "train"), (1, "validation"), (2, "test"), (3, "train")]
    found = check(leakage([(TIME, rows)], [good]), "time_order")
    assert found["ok"] and found["ranges"][0]["train"] == ["1970-01-01T00:00:00.000001+00:00", "1970-01-01T00:00:00.000005+00:00"]
    for bad in ([*good[:3], (3, "test")], [(0, "train"), (1, "train"), (2, "test"), (3, "validation")]):
        found = check(leakage([(TIME, rows)], [bad]), "time_order")
        assert not found["ok"] and found["value"] == 1 and found["examples"][0].startswith("d in")
    same = Rows(["a", "b"], ["x", "x"], None, [7, 7])
    assert not leakage([(TIME, same)], [[(0, "train"), (1, "test")]])["ok"], "equal times are no order"


def test_each_recipe_by_time_has_an_order_of_its_own() -> None:
    later = {**TIME, "cuts": {"validation": "1970-01-01T00:01:00.000000+00:00", "test": "1970-01-01T00:02:00.000000+00:00"}}
    pieces = [(TIME, Rows(["a", "b"], ["x"] * 2, None, [1, 21_000_000])), (later, Rows(["c"], ["x"], None, [40_000_000]))]
    found = leakage(pieces, [[(0, "train"), (1, "test")], [(0, "train")]])
    assert found["ok"] and len(check(found, "time_order")["ranges"]) == 2
