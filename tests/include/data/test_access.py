"""Audit entries of who read and wrote which data."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from include.data.access import AccessUnrecorded, note_access, note_all, references, zone_of
from include.errors import FinalError
from include.ledger import Ledger
from include.projects import load_project
from include.settings import Settings

DEV = {"repository": "digits-dev", "zone": "dev", "commit": "abc", "version": "v1", "count": 7, "secret": "x"}
OPS = {"repository": "digits-ops", "zone": "ops", "round": 3, "counts": {"train": 5, "test": 2}}


@pytest.fixture
def settings(ledger: Ledger, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, ledger_url=ledger.url, actor="kim")  # type: ignore[arg-type]


def test_an_entry_names_who_what_and_how_many(settings: Settings, ledger: Ledger) -> None:
    project = load_project("digits")
    note_access(settings, project, "data.read", DEV, 7, via="train")
    note_access(settings, project, "data.read", OPS, None, "lee")
    first, second = ledger.audit_entries()
    assert (first.actor, first.action, first.subject) == ("kim", "data.read", "data digits-dev")
    assert first.details == {"project": "digits", "zone": "dev", "commit": "abc", "version": "v1", "rows": 7, "via": "train"}
    assert second.actor == "lee" and second.details == {"project": "digits", "zone": "ops", "round": 3}
    assert ledger.verify_audit().ok


def test_each_reference_once(settings: Settings, ledger: Ledger) -> None:
    values = {"split": DEV, "more": [{"deep": OPS}, DEV, None, 3], "text": "repository"}
    assert list(references(values)) == [DEV, OPS, DEV]
    assert note_all(settings, load_project("digits"), "data.read", values, "job train") == 2
    assert [one.details["rows"] for one in ledger.audit_entries()] == [7, 7]
    assert note_all(settings, load_project("digits"), "data.read", {"a": {"repository": "x", "zone": "moon"}}) == 0


def test_ops_is_closed_without_a_ledger_and_dev_is_warned(tmp_path: Path, caplog: Any) -> None:
    project = load_project("digits")
    for url in (f"sqlite:///{tmp_path / 'never-migrated.db'}", "sqlite:////proc/no/ledger.db"):
        down = Settings(home=tmp_path, ledger_url=url)  # type: ignore[arg-type]
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            note_access(down, project, "data.read", DEV, 1)
        assert "data.read on digits-dev is not in the audit log" in caplog.text
        with pytest.raises(AccessUnrecorded, match=r"data.read is not recorded, so it is not done") as caught:
            note_access(down, project, "data.read", OPS, 1)
        assert not isinstance(caught.value, FinalError)  # another try may help


def test_zone_of() -> None:
    assert zone_of({"split": DEV}) == "dev" and zone_of([DEV, {"x": OPS}]) == "ops" and zone_of({"a": 1}) is None


def test_an_entry_costs_little(settings: Settings) -> None:
    project = load_project("digits")
    note_access(settings, project, "data.read", DEV, 1)
    begin = time.perf_counter()
    for _ in range(50):
        note_access(settings, project, "data.read", DEV, 1)
    assert (time.perf_counter() - begin) / 50 < 0.1
