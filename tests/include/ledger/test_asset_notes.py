from __future__ import annotations

import pytest

from include.ledger import Ledger, LedgerRefusal

VERSION = "digits-dev/versions/v1"


def test_tags_and_description_are_kept_with_who_said_it(ledger: Ledger) -> None:
    note = ledger.note_asset(VERSION, "developer", "첫 판 😀 <script>", add=["기준", " baseline "])
    assert (note.tags, note.description, note.by) == (["baseline", "기준"], "첫 판 😀 <script>", "developer")
    changed = ledger.note_asset(VERSION, "reviewer", add=["clean"], remove=["baseline", "never there"])
    assert changed.tags == ["clean", "기준"] and changed.description == note.description and changed.by == "reviewer"
    assert ledger.asset_notes() == {VERSION: changed}
    entries = ledger.audit_entries(VERSION)
    assert [one.actor for one in entries] == ["developer", "reviewer"]
    assert entries[-1].details["before"]["tags"] == ["baseline", "기준"]
    assert ledger.verify_audit().ok


def test_saying_the_same_again_changes_nothing(ledger: Ledger) -> None:
    first = ledger.note_asset(VERSION, "developer", "text", add=["a"])
    assert ledger.note_asset(VERSION, "other", "text", add=["a"], remove=["b"]) == first
    assert ledger.verify_audit().entries == 1


@pytest.mark.parametrize("tag", ["", "  ", "a" * 101, "a\nb", "nul\x00"])
def test_what_is_no_tag_is_refused(ledger: Ledger, tag: str) -> None:
    with pytest.raises(LedgerRefusal, match="a tag has 1 to 100 printable characters"):
        ledger.note_asset(VERSION, "developer", add=[tag])
    assert ledger.asset_notes() == {} and ledger.verify_audit().entries == 0


def test_limits(ledger: Ledger) -> None:
    with pytest.raises(LedgerRefusal, match="an asset's id"):
        ledger.note_asset(" ", "developer", "text")
    with pytest.raises(LedgerRefusal, match="more than 10000"):
        ledger.note_asset(VERSION, "developer", "x" * 10_001)
    with pytest.raises(LedgerRefusal, match="51 tags, more than 50"):
        ledger.note_asset(VERSION, "developer", add=[f"tag {n}" for n in range(51)])
