"""The split algorithms: grouped, by time, in folds; and what was made before comes back to the item."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data.errors import ReferenceFault
from include.data.folds import named, order, parts_of, shape
from include.data.leakage import leakage
from include.data.recipes import PARTS, Rows, assign, edges, recipe, with_cuts
from include.data.split import describe_parts
from include.projects.split import Split

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
RATIOS = {"train": 0.7, "validation": 0.15, "test": 0.15}
LETTERS = {"train": "r", "validation": "v", "test": "e"}
CLASSES = ["고양이", "개", "3"]


def ids(n: int, begin: str = "") -> list[str]:
    return [hashlib.sha256(f"{begin}{number}".encode()).hexdigest() for number in range(n)]


def rounds_of_golden() -> list[Rows]:
    """Return the two rounds that every golden file divides: with gaps, repeats, groups and times."""
    first = Rows(
        ids(240),
        [CLASSES[k % 3] if k % 11 else None for k in range(240)],
        [f"사람{k * 7 % 31}" if k % 13 else None for k in range(240)],
        [1_700_000_000_000_000 + (k * 37 % 240) // 2 * 60_000_000 for k in range(240)],
    )
    more = Rows(
        ids(60, "new"),
        [CLASSES[k % 3] for k in range(60)],
        [f"사람{k % 40}" for k in range(60)],
        [1_700_100_000_000_000 + k * 1_000_001 for k in range(60)],
    )
    return [first, Rows(*([*new, *old[:20]] for new, old in zip(more[:4], first[:4], strict=True)))]  # type: ignore[misc]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda path: path.stem)
def test_what_was_made_before_comes_back(file: Path) -> None:
    """Recorded once for each algorithm. Never change these files: what divides otherwise gets another name."""
    assert {path.stem for path in GOLDEN} == {"hash-systematic-1", "hash-group-1", "time-cut-1", "hash-folds-1"}
    cases = json.loads(file.read_text(encoding="utf-8"))
    assert cases
    for case in cases:
        how = case["recipe"]
        assert how["algorithm"] == file.stem
        found = rounds_of_golden()
        result = assign(zip(("digits-dev/000001", "digits-ops/000002"), (how, how), found, strict=True))
        slots = [result.parts.get(one) for rows in found for one in rows.ids]
        if isinstance(case["parts"], str):
            assert "".join(LETTERS.get(slot, "-") for slot in slots) == case["parts"]
        else:
            assert slots == case["parts"]
        assert describe_parts(result, how, "classification") == case["described"]


groups = st.lists(st.tuples(st.integers(0, 80), st.sampled_from(["가", "b", "c", "d", "e", None])), max_size=80)


@settings(max_examples=50, deadline=None)
@given(
    data=st.lists(groups, min_size=1, max_size=4), seed=st.integers(0, 9), method=st.sampled_from(["grouped", "kfold", "nested"])
)
def test_a_group_never_comes_apart_in_any_round(data, seed, method) -> None:
    fields = {
        "grouped": {"ratios": RATIOS},
        "kfold": {"folds": 3, "test": 0.2, "by": "grouped"},
        "nested": {"folds": 3, "inner_folds": 2, "by": "grouped"},
    }[method]
    how = recipe(Split(method=method, seed=seed, **fields))
    pieces = [(how, Rows([str(n) for n, _ in its], ["x"] * len(its), [group for _, group in its])) for its in data]
    result = assign((f"r/{place}", made, rows) for place, (made, rows) in enumerate(pieces))
    assert set(result.parts.values()) <= set(edges(how))
    assert set(result.parts) == {str(n) for its in data for n, _ in its}
    assert leakage(pieces, result.given)["ok"]
    before = assign((f"r/{place}", made, rows) for place, (made, rows) in enumerate(pieces[:-1]))
    assert {one: result.parts[one] for one in before.parts} == before.parts


def test_groups_have_the_ratios_of_items_whatever_their_size() -> None:
    sizes = [1 + k % 9 for k in range(400)]
    members = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    how = recipe(Split(method="grouped", ratios=RATIOS, seed=1))
    result = assign([("r/1", how, Rows(ids(len(members)), ["x"] * len(members), members))])
    found = Counter(result.parts.values())
    assert all(abs(found[part] - ratio * len(members)) <= 2 * 9 for part, ratio in RATIOS.items()), found


def test_by_time_the_past_trains_and_the_future_tests() -> None:
    how = recipe(Split(method="time", ratios=RATIOS))
    times = [k * 17 % 100 * 1_000_000 for k in range(100)]
    made = with_cuts(how, times, "here")
    assert made["cuts"] == {"validation": "1970-01-01T00:01:10.000000+00:00", "test": "1970-01-01T00:01:25.000000+00:00"}
    rows = Rows(ids(100), ["x"] * 100, None, times)
    result = assign([("r/1", made, rows)])
    by_time = [slot for _, slot in sorted(zip(times, (result.parts[one] for one in rows.ids), strict=True))]
    assert by_time == ["train"] * 70 + ["validation"] * 15 + ["test"] * 15
    assert leakage([(made, rows)], result.given)["checks"][1]["ranges"][0]["test"][0] == "1970-01-01T00:01:25.000000+00:00"


def test_items_of_one_moment_stay_together() -> None:
    times = [0] * 5 + [1_000_000] * 90 + [2_000_000] * 5
    made = with_cuts(recipe(Split(method="time", ratios=RATIOS)), times, "here")
    result = assign([("r/1", made, Rows(ids(100), ["x"] * 100, None, times))])
    assert Counter(result.parts.values()) == {"train": 5, "test": 95}


@pytest.mark.parametrize("times", [[None, 1, 2], []])
def test_items_without_time_are_told(times) -> None:
    how = recipe(Split(method="time", ratios=RATIOS))
    with pytest.raises(ReferenceFault, match=r"1 of 3 labelled items have no time|0 of 0"):
        with_cuts(how, times, "here")
    made = with_cuts(how, [1, 2, 3], "here")
    with pytest.raises(ReferenceFault, match="1 labelled items have no time"):
        assign([("r/1", made, Rows(["a"], ["x"], None, None))])


@pytest.mark.parametrize(("k", "held"), [(2, 0.5), (5, 0.2), (10, 0.1), (7, 0.33)])
def test_every_item_is_validation_once_and_the_held_out_never(k: int, held: float) -> None:
    how = recipe(Split(method="kfold", folds=k, test=held, seed=3))
    labels = [CLASSES[n % 3] for n in range(900)]
    result = assign([("r/1", how, Rows(ids(900), labels))])
    seen: Counter[str] = Counter()
    test = {one for one, slot in result.parts.items() if slot == "test"}
    for fold in range(1, k + 1):
        parts = parts_of(how, fold, "here")
        found = {part: {one for one, slot in result.parts.items() if parts[slot] == part} for part in PARTS}
        assert found["test"] == test and len(test) == pytest.approx(900 * held, abs=3)
        seen.update(found["validation"])
        for label in CLASSES:
            mine = sum(result.labels[one] == label for one in found["validation"])
            assert mine == pytest.approx(300 * (1 - held) / k, abs=2)
    assert set(seen.values()) == {1} and len(seen) + len(test) == 900


def test_nested_folds() -> None:
    how = recipe(Split(method="nested", folds=4, inner_folds=3, seed=3))
    result = assign([("r/1", how, Rows(ids(600), ["x"] * 600))])
    assert shape(how) == [4, 3] and len(edges(how)) == 12
    tested: Counter[str] = Counter()
    for outer in range(1, 5):
        validated: Counter[str] = Counter()
        for inner in range(1, 4):
            parts = parts_of(how, (outer, inner), "here")
            found = {part: {one for one, slot in result.parts.items() if parts[slot] == part} for part in PARTS}
            assert {part: len(its) for part, its in found.items()} == pytest.approx(
                {"train": 300, "validation": 150, "test": 150}, abs=6
            )
            validated.update(found["validation"])
        tested.update(found["test"])
        assert set(validated.values()) == {1} and set(validated) == set(result.parts) - found["test"]
    assert set(tested.values()) == {1} and len(tested) == 600
    assert parts_of(how, 2, "here") == parts_of(how, "2.1", "here") == parts_of(how, (2, 1), "here")


@pytest.mark.parametrize(
    ("split", "fold", "says"),
    [
        ({"method": "kfold", "folds": 3, "test": 0.2}, 4, "no fold 4.*It has 3 folds"),
        ({"method": "kfold", "folds": 3, "test": 0.2}, 0, "no fold 0"),
        ({"method": "kfold", "folds": 3, "test": 0.2}, "1.1", "no fold '1.1'"),
        ({"method": "kfold", "folds": 3, "test": 0.2}, "둘", "no fold '둘'"),
        ({"method": "kfold", "folds": 3, "test": 0.2}, True, "no fold True"),
        ({"method": "kfold", "folds": 3, "test": 0.2}, 1.5, "no fold 1.5"),
        ({"method": "nested", "folds": 3, "inner_folds": 2}, (1, 3), "3 outer and 2 inner folds"),
        ({"method": "nested", "folds": 3, "inner_folds": 2}, (1, 1, 1), "no fold"),
        ({"method": "random", "ratios": RATIOS}, 1, "no fold 1.*method random"),
    ],
)
def test_a_fold_that_is_none(split, fold, says) -> None:
    with pytest.raises(ReferenceFault, match=says):
        parts_of(recipe(Split(**split)), fold, "here")


def test_without_a_fold_each_goes_by_its_own_name() -> None:
    how = recipe(Split(method="kfold", folds=3, test=0.2))
    assert order(named(how, None, "here")) == ["1", "2", "3", "test"]
    assert order(named(how, "3", "here")) == list(PARTS)
    assert order(named(recipe(Split(ratios=RATIOS)), None, "here")) == list(PARTS)


def test_rounds_with_other_folds_do_not_go_together() -> None:
    one, other = recipe(Split(method="kfold", folds=3, test=0.2)), recipe(Split(ratios=RATIOS))
    with pytest.raises(ReferenceFault, match=r"round r/2.*other folds or parts"):
        assign([("r/1", one, Rows(["a"], ["x"])), ("r/2", other, Rows(["b"], ["x"]))])
