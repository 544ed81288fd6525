"""The split algorithm without a server: what it promises, for any data and in any process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data import recipes
from include.data.errors import ReferenceFault
from include.data.recipes import PARTS, Assignment, Rows, recipe
from include.data.split import describe_parts
from include.projects.split import Split

ROOT = Path(__file__).resolve().parents[3]
RATIOS = {"train": 0.7, "validation": 0.15, "test": 0.15}


PINNED_COUNTS = {"train": 700, "validation": 150, "test": 150}
PINNED_IDS = {"train": "sha256:4be67159f603d245", "validation": "sha256:0442d1e1ab1bb97a", "test": "sha256:10a65c129dd7c5d6"}


def ids(n: int, begin: str = "") -> list[str]:
    return [hashlib.sha256(f"{begin}{number}".encode()).hexdigest() for number in range(n)]


def assign(pieces) -> Assignment:
    """Assign rounds given as (name, recipe, [(id, label), ...])."""
    return recipes.assign((name, made, Rows([one for one, _ in its], [label for _, label in its])) for name, made, its in pieces)


def how(method: str = "stratified", seed: int = 20, **ratios: float) -> dict:
    return recipe(Split(method=method, ratios=ratios or RATIOS, seed=seed))


rows = st.lists(st.tuples(st.integers(0, 60).map(str), st.sampled_from(["0", "1", "고양이", None])), max_size=120)


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(rows, max_size=3),
    method=st.sampled_from(["stratified", "random"]),
    seed=st.integers(0, 5),
    cut=st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)),
)
def test_parts_are_disjoint_and_cover_every_labelled_item(data, method, seed, cut) -> None:
    ratios = {part: one / sum(cut) for part, one in zip(PARTS, cut, strict=True)}
    made = recipe(Split.model_construct(method=method, ratios=ratios, seed=seed))
    result = assign((f"r/{place}", made, content) for place, content in enumerate(data))
    labelled = {one for content in data for one, label in content if label is not None}
    assert set(result.parts) == labelled == set(result.labels)
    assert set(result.parts.values()) <= set(PARTS)
    total = sum(len(content) for content in data)
    assert len(result.parts) + result.unlabelled + result.repeated == total


@settings(max_examples=30, deadline=None)
@given(sizes=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 300), min_size=1), seed=st.integers(0, 1000))
def test_every_class_has_its_ratios_up_to_one_item(sizes, seed) -> None:
    content = [(one, label) for label, n in sizes.items() for one in ids(n, label)]
    result = assign([("r/1", how(seed=seed), content)])
    for label, n in sizes.items():
        found = Counter(result.parts[one] for one, its in content if its == label)
        for part, ratio in RATIOS.items():
            assert abs(found[part] - ratio * n) < 1 + 1e-6, (label, n, found)


def test_many_rounds_of_one_item_have_the_ratios_in_the_mean() -> None:
    result = assign((f"r/{place}", how(), [(one, "a")]) for place, one in enumerate(ids(4000)))
    found = Counter(result.parts.values())
    assert all(abs(found[part] / 4000 - ratio) < 0.03 for part, ratio in RATIOS.items()), found


def test_a_new_round_moves_nothing() -> None:
    old = [(one, str(place % 10)) for place, one in enumerate(ids(500))]
    new = [(one, str(place % 10)) for place, one in enumerate(ids(300, "new"))] + old[:50]
    before = assign([("r/1", how(), old)])
    after = assign([("r/1", how(), old), ("r/2", how(), new)])
    assert {one: after.parts[one] for one in before.parts} == before.parts
    assert after.repeated == 50 and after.contradicting == 0


def test_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    content = [(one, str(place % 3)) for place, one in enumerate(ids(200))]
    assert assign([("r/1", how(), content)]).parts == assign([("r/1", how(), content[::-1])]).parts
    assert assign([("r/1", how(), content)]).parts != assign([("r/1", how(seed=21), content)]).parts


def test_the_first_label_of_a_content_counts_and_contradictions_are_told() -> None:
    one = ids(1)[0]
    result = assign([("r/1", how(), [(one, "1"), (one, "7"), (one, "1"), (one, None)])])
    assert result.labels == {one: "1"}
    assert (result.repeated, result.contradicting, result.unlabelled) == (2, 1, 1)


def test_the_algorithm_is_pinned() -> None:
    """Recorded once. A change here means that splits made before no longer come back: give it another name."""
    content = [(one, str(place % 10)) for place, one in enumerate(ids(1000))]
    result = assign([("digits-dev/000001", how(), content)])
    assert how()["algorithm"] == "hash-systematic-1"
    described = describe_parts(result, how(), "classification")
    assert {part: described[part]["count"] for part in PARTS} == PINNED_COUNTS
    assert {part: described[part]["ids"][:23] for part in PARTS} == PINNED_IDS


def test_another_process_gives_the_same() -> None:
    script = (
        "import hashlib, json\n"
        "from include.data.recipes import Rows, assign\n"
        "ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(300)]\n"
        f"how = json.loads({json.dumps(json.dumps(how()))})\n"
        "rows = Rows(ids, [str(p % 10) for p in range(300)])\n"
        "print(json.dumps(assign([('r/1', how, rows)]).parts, sort_keys=True))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    here = assign([("r/1", how(), [(one, str(place % 10)) for place, one in enumerate(ids(300))])]).parts
    assert said[0] == said[1]
    assert json.loads(said[0]) == here


def test_a_recipe_of_another_algorithm_is_refused() -> None:
    with pytest.raises(ReferenceFault, match=r"'dice-7'.*knows .*hash-systematic-1"):
        assign([("r/1", {**how(), "algorithm": "dice-7"}, [("a", "1")])])
