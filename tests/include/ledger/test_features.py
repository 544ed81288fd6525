"""Online features in the ledger: one transaction, never back in time, on SQLite and PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from include.ledger import Ledger, LedgerError, LedgerRefusal
from include.ledger.engine import engine

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def anywhere(request: Any, tmp_path: Path) -> Iterator[Ledger]:
    """A fresh ledger in either database."""
    if request.param == "sqlite":
        made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    else:
        made = Ledger(request.getfixturevalue("postgres_url"))
        with engine(made.url).begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    made.migrate()
    yield made
    engine(made.url).dispose()


def put(
    ledger: Ledger, values: dict[str, tuple[int, Any]], version: str = "v1", definition: str = "d1", view: str = "매출"
) -> Any:
    rows = [(key, {"x": value}, START + timedelta(hours=hours)) for key, (hours, value) in values.items()]
    return ledger.put_features("가게", view, definition, version, {"path": f"{definition}/{version}"}, rows, "개발자")


def values(ledger: Ledger, *keys: str, view: str = "매출") -> dict[str, tuple[float, Any]]:
    found = ledger.features_of("가게", view, keys)
    assert found is not None
    return {key: ((at - START) / timedelta(hours=1), features["x"]) for key, (features, at) in found[2].items()}


def test_what_was_put_is_found(anywhere: Ledger) -> None:
    assert anywhere.features_of("가게", "매출", ["a"]) is None
    counts = put(anywhere, {'["김🙂"]': (1, "값\u0000🙂"), "b": (2, None), "c": (3, 0.1 + 0.2)})
    assert counts == {"written": 3, "older": 0, "removed": 0, "rows": 3, "new": True}
    assert values(anywhere, '["김🙂"]', "b", "c", "none") == {'["김🙂"]': (1, "값\u0000🙂"), "b": (2, None), "c": (3, 0.1 + 0.2)}
    assert anywhere.features_of("가게", "매출", []) == ("d1", "v1", {})
    assert anywhere.features_of("가게", "다른", ["b"]) is None
    (view,) = anywhere.online_views("가게")
    assert (view.view, view.rows, view.newest, view.version, view.ref) == (
        "매출",
        3,
        START + timedelta(hours=3),
        "v1",
        {"path": "d1/v1"},
    )
    (entry,) = anywhere.audit_entries("가게/매출")
    assert entry.actor == "개발자" and entry.action == "features.materialise" and entry.details["written"] == 3


def test_no_value_goes_back_in_time(anywhere: Ledger) -> None:
    put(anywhere, {"a": (5, "new"), "b": (1, "old"), "same": (2, "first")}, "v2")
    counts = put(anywhere, {"a": (4, "older"), "b": (3, "newer"), "same": (2, "second"), "c": (0, "another")}, "v1")
    assert counts == {"written": 3, "older": 1, "removed": 0, "rows": 4, "new": True}
    assert values(anywhere, "a", "b", "c", "same") == {
        "a": (5, "new"),
        "b": (3, "newer"),
        "c": (0, "another"),
        "same": (2, "second"),
    }
    (view,) = anywhere.online_views()
    assert (view.version, view.newest, view.rows) == ("v2", START + timedelta(hours=5), 4)


def test_the_same_again_changes_nothing(anywhere: Ledger) -> None:
    put(anywhere, {"a": (5, "x")})
    assert put(anywhere, {"a": (5, "x")}) == {"written": 0, "older": 0, "removed": 0, "rows": 1, "new": False}
    assert len(anywhere.audit_entries()) == 1


def test_another_definition_replaces_all(anywhere: Ledger) -> None:
    put(anywhere, {"a": (5, 1), "gone": (1, 1)})
    put(anywhere, {"a": (1, "of another view")}, view="다른")
    counts = put(anywhere, {"a": (5, 2), "b": (4, 2)}, definition="d2")
    assert counts == {"written": 2, "older": 0, "removed": 2, "rows": 2, "new": True}
    assert values(anywhere, "a", "b", "gone") == {"a": (5, 2), "b": (4, 2)}
    assert values(anywhere, "a", view="다른") == {"a": (1, "of another view")}


def test_another_definition_that_ends_earlier_is_refused(anywhere: Ledger) -> None:
    put(anywhere, {"a": (5, 1)})
    for older in ({"a": (4, 2)}, {}):
        with pytest.raises(LedgerRefusal, match="compute the view for a newer data version"):
            put(anywhere, older, definition="d2")
    assert values(anywhere, "a") == {"a": (5, 1)} and anywhere.online_views()[0].definition == "d1"


def test_what_is_no_json_leaves_all_as_it_was(anywhere: Ledger) -> None:
    put(anywhere, {"a": (1, 1)})
    with pytest.raises(LedgerRefusal, match="cannot keep this"):
        put(anywhere, {"a": (2, 2), "b": (2, float("nan"))}, "v2")
    assert values(anywhere, "a", "b") == {"a": (1, 1)} and len(anywhere.audit_entries()) == 1


def test_two_at_once(anywhere: Ledger) -> None:
    def one(number: int) -> Any:
        return put(anywhere, {f"k{n}": (number, number) for n in range(500)}, f"v{number}")

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(one, range(4)))
    assert set(values(anywhere, *(f"k{n}" for n in range(500))).values()) == {(3, 3)}
    assert all(one["written"] + one["older"] == 500 for one in counts) and anywhere.verify_audit().entries == 4
    (view,) = anywhere.online_views()
    assert (view.version, view.rows) == ("v3", 500)


def die(url: str) -> None:
    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine(url), "commit", kill)
    put(Ledger(url), {f"k{n}": (9, n) for n in range(25_000)}, "v9", "d2")


def test_killed_just_before_the_end(anywhere: Ledger) -> None:
    put(anywhere, {"k1": (1, 1)})
    process = multiprocessing.get_context("spawn").Process(target=die, args=(anywhere.url,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert values(anywhere, "k1", "k2") == {"k1": (1, 1)} and anywhere.online_views()[0].definition == "d1"
    assert anywhere.verify_audit().ok
    assert put(anywhere, {"k1": (9, 9)}, "v9", "d2")["removed"] == 1


def test_readers_see_one_definition_while_another_comes(anywhere: Ledger) -> None:
    put(anywhere, {f"k{n}": (1, "d1") for n in range(50)})
    seen: list[Any] = []
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(put, anywhere, {f"k{n}": (2, "d2") for n in range(20_000)}, "v2", "d2")
        while not done.done():
            definition, _, found = anywhere.features_of("가게", "매출", [f"k{n}" for n in range(50)])  # type: ignore[misc]
            seen.append({definition, *(features["x"] for features, _ in found.values())})
            assert len(found) == 50
    assert seen and all(len(one) == 1 for one in seen)


def test_a_ledger_without_the_tables_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"python -m include\.ledger migrate"):
        Ledger(f"sqlite:///{tmp_path}/장부.db").features_of("가게", "매출", ["a"])


def test_a_time_without_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerRefusal, match="has no time zone"):
        ledger.put_features("p", "v", "d", "v1", {}, [("a", {}, datetime(2026, 1, 1))], None)
    assert ledger.online_views() == []
