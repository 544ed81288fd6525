"""Review: only a person's yes about exactly this round lets it be merged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from include import data
from include.data import items, review, rounds
from include.data.errors import ReviewError
from include.data.review_form import review_form
from include.errors import FinalError
from include.ledger import Ledger
from include.projects.quality import Review

pytestmark = pytest.mark.integration
SOURCE = {"dag_id": "t.data_preparation", "run_id": "manual__1", "task_id": "review_round"}


def answer(
    option: str = "Accept", reason: str = "잘 봤습니다", named: str | None = None, user: str = "reviewer"
) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason, "items": named},
        "responded_at": datetime(2026, 1, 5, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": user},
    }


@pytest.fixture
def reviewed(world: Any) -> Any:
    """Give a world whose project wants reviews, with one checked round."""
    wanted(world)
    Ledger(world.settings.ledger()).migrate()
    world.ref = world.collect()
    world.check(world.ref)
    return world


def wanted(world: Any, **fields: Any) -> None:
    section = world.project.data.model_copy(update={"review": Review(**fields)})
    world.project = world.project.model_copy(update={"data": section})


def digest_of(world: Any) -> str:
    return review.checks_digest(world.dev, world.ref["branch"], 1)


def record(world: Any, given: dict[str, Any] | None, digest: str | None = None) -> dict[str, Any]:
    return review.record_review(world.settings, world.project, world.ref, digest or digest_of(world), given, SOURCE)


def require(world: Any) -> None:
    document = rounds.describe(world.dev, world.ref["branch"], 1)
    review.require_review(world.dev, world.project, document, world.ref["branch"])


def test_a_yes_lets_it_through(reviewed: Any) -> None:
    with pytest.raises(ReviewError, match="nobody has accepted it") as missing:
        require(reviewed)
    assert isinstance(missing.value, FinalError)
    digest = digest_of(reviewed)
    found = record(reviewed, answer())
    assert (found["decision"], found["by"], found["reason"], found["count"]) == ("accepted", "reviewer", "잘 봤습니다", 200)
    assert json.loads(reviewed.dev.get(reviewed.ref["branch"], "rounds/000001/review.json")) == found
    require(reviewed)
    head = reviewed.dev.commit_info(reviewed.ref["branch"])
    assert (head.metadata["step"], head.metadata["decision"], head.metadata["by"]) == ("review", "accepted", "reviewer")
    assert rounds.round_commit(reviewed.dev, reviewed.ref["branch"]) == reviewed.ref["commit"]
    ledger = Ledger(reviewed.settings.ledger())
    assert [(one.actor, one.action) for one in ledger.audit_entries()] == [("reviewer", "review.accepted")]
    assert record(reviewed, answer()) == found  # a second time changes nothing
    assert reviewed.dev.head(reviewed.ref["branch"]) == head.id and len(ledger.audit_entries()) == 1
    assert reviewed.merge(reviewed.ref)["round"] == 1
    assert record(reviewed, answer(), digest) == found


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (answer("Reject", "틀린 라벨이 많음"), "reviewer did not accept it: 틀린 라벨이 많음"),
        (None, "nobody did not accept it: nobody answered in time"),
        ({**answer(), "responded_by_user": None}, "nobody answered in time"),
        ({**answer(), "chosen_options": []}, "nobody answered in time"),
        ({**answer(), "chosen_options": ["accept"]}, "reviewer did not accept it"),
        (answer("Back to labelling", named="3\n없는 것"), "the round has no item 없는 것"),
    ],
)
def test_anything_else_is_a_no(reviewed: Any, given: dict[str, Any] | None, why: str) -> None:
    assert record(reviewed, given)["decision"] == "rejected"
    with pytest.raises(ReviewError, match=why):
        require(reviewed)
    assert reviewed.dev.has(reviewed.ref["branch"]) and rounds.numbers(reviewed.dev) == []
    assert record(reviewed, {**answer(), "responded_at": datetime(2026, 1, 6, tzinfo=UTC)})["decision"] == "accepted"
    require(reviewed)


def test_who_started_it_may_be_kept_from_accepting(reviewed: Any) -> None:
    wanted(reviewed, another_person=True)
    assert record(reviewed, answer(user="Developer "))["decision"] == "rejected"
    with pytest.raises(ReviewError, match="who started the run may not accept its round: it is by developer"):
        require(reviewed)
    assert record(reviewed, answer())["decision"] == "accepted"


def test_only_what_was_shown_counts(reviewed: Any) -> None:
    assert record(reviewed, answer(), digest="sha256:other")["decision"] == "rejected"
    with pytest.raises(ReviewError, match="changed while it was looked at"):
        require(reviewed)
    record(reviewed, answer())
    require(reviewed)
    path = rounds.checks_path(1)
    changed = {**json.loads(reviewed.dev.get(reviewed.ref["branch"], path)), "more": 1}
    reviewed.dev.put(reviewed.ref["branch"], path, items.dump(changed))
    with pytest.raises(ReviewError, match="it is not what was accepted"):
        require(reviewed)


def test_a_file_alone_is_no_review(reviewed: Any) -> None:
    forged = {**record(reviewed, answer("Reject")), "decision": "accepted"}
    reviewed.dev.put(reviewed.ref["branch"], review.review_path(1), items.dump(forged))
    with pytest.raises(ReviewError, match="the ledger knows of no such answer"):
        require(reviewed)
    reviewed.dev.put(reviewed.ref["branch"], review.review_path(1), b"{")
    with pytest.raises(ReviewError, match="nobody has accepted it"):
        require(reviewed)


def test_the_last_answer_counts(reviewed: Any) -> None:
    accepted = record(reviewed, answer())
    record(reviewed, answer("Reject", "다시 보니 아님"))
    reviewed.dev.put(reviewed.ref["branch"], review.review_path(1), items.dump(accepted))
    with pytest.raises(ReviewError, match="the ledger knows of no such answer"):
        require(reviewed)


def test_items_go_back_to_labelling(reviewed: Any) -> None:
    found = record(reviewed, answer("Back to labelling", "흐린 그림", "3\n 11 , 12;13\n"))
    assert found["decision"] == "accepted" and list(found["items_back"]) == ["3", "11", "12", "13"]
    require(reviewed)
    merged = reviewed.merge(reviewed.ref)
    ids = frozenset(found["items_back"].values())
    assert review.ids_back(reviewed.dev, merged["commit"], 1) == ids
    back = review.items_back(reviewed.settings, reviewed.project, "dev")
    assert back.keys() == ids and back[found["items_back"]["3"]] == {
        "key": "3",
        "round": 1,
        "by": "reviewer",
        "reason": "흐린 그림",
    }


def test_what_went_back_has_no_label_in_a_version_until_somebody_labels_it(reviewed: Any) -> None:
    import pyarrow.compute as pc

    from include.data import labelling, versions
    from include.data.tables import read_piece
    from include.projects.labelling import Labelling

    found = record(reviewed, answer("Back to labelling", "흐린 그림", "3\n11"))
    ref = reviewed.tag(reviewed.merge(reviewed.ref))
    pieces = versions.document(reviewed.dev, ref["commit"], ref["version"])["pieces"]
    table = read_piece(reviewed.settings, pieces[0], ["item_id", "label"])
    gone = table.filter(pc.is_null(table["label"]))["item_id"].to_pylist()
    assert sorted(gone) == sorted(found["items_back"].values()) and ref["labelled"] == 198
    data = reviewed.project.data.model_copy(update={"labelling": Labelling()})
    wanting = reviewed.project.model_copy(update={"data": data})
    assert {one.item_id for one in labelling.unlabelled(reviewed.settings, wanting, ref)} == set(gone)


def test_no_name_means_every_item(reviewed: Any) -> None:
    assert len(record(reviewed, answer("Back to labelling"))["items_back"]) == 200


def test_rounds_that_need_no_review(reviewed: Any) -> None:
    document = rounds.describe(reviewed.dev, reviewed.ref["branch"], 1)
    for kind, fields, asked in [
        ("operating", {}, False),
        ("operating", {"operating": True}, True),
        ("labels", {}, False),
        ("labels", {"labels": True}, True),
        ("collected", {}, True),
        ("bundle", {}, False),
    ]:
        wanted(reviewed, **fields)
        assert review.wants_review(reviewed.project, kind) is asked
        if not asked:
            review.require_review(reviewed.dev, reviewed.project, {**document, "kind": kind}, reviewed.ref["branch"])
    reviewed.project = reviewed.project.model_copy(update={"data": reviewed.project.data.model_copy(update={"review": None})})
    require(reviewed)


def test_the_form_tells_what_is_asked(reviewed: Any) -> None:
    form = review_form(reviewed.settings, reviewed.project, reviewed.ref)
    assert form["subject"] == f"Review round 1 of {reviewed.project.title}: 200 items" and form["digest"] == digest_of(reviewed)
    assert "| 0 | 20 |" in form["body"] and form["digest"] in form["body"] and "checks found nothing" in form["body"]
    assert form["report"].endswith("/rounds/000001/report.html") and form["report"] in form["body"]


def test_a_round_that_was_not_checked(world: Any) -> None:
    wanted(world)
    world.ref = world.collect()
    with pytest.raises(ReviewError, match="it was not checked"):
        review_form(world.settings, world.project, world.ref)
    world.dev.delete_branch(world.ref["branch"])
    with pytest.raises(data.ReferenceFault, match="neither there nor on main"):
        review_form(world.settings, world.project, world.ref)


def test_text_from_outside_is_no_markdown() -> None:
    from include.data.review_form import _plain

    assert _plain("a|b\n<img src=x> [l](http://x) `c` **d**") == (r"a\|b \<img src=x\> \[l\]\(http://x\) \`c\` \*\*d\*\*")
